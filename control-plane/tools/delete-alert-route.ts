import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";

export const deleteAlertRoute: EdgeHandler<"delete-alert-route"> = async ({ name }, context) => {
  const { deleted, dropped } = unwrap(await context.hub.alerts("remove", { name }));
  const rest = dropped === 0 ? "" : ` ${dropped} waiting deliveries are dead now.`;
  return {
    data: { name, deleted, pending_dropped: dropped },
    text: deleted
      ? `The alert route is deleted.${rest} Next: list-alert-routes.`
      : "There was no alert route of that name; nothing changed. Next: list-alert-routes.",
  };
};
