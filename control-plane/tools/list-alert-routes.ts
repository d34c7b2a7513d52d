import { limits } from "@trainyard/shared/limits.ts";
import { unwrap } from "../outcome.ts";
import { routeAnswer } from "./alert-views.ts";
import type { EdgeHandler } from "./context.ts";
import { plural } from "./words.ts";

export const listAlertRoutes: EdgeHandler<"list-alert-routes"> = async (input, context) => {
  const detail = context.detail(input.detail);
  const found = unwrap(await context.hub.alerts("list", null));
  if (found.length === 0) {
    return {
      data: { routes: [], count: 0 },
      text: "There is no alert route. Next: set-alert-route.",
    };
  }
  const all = found.map((route) => routeAnswer(route, detail));
  const routes = detail === "full" ? all : fitting(all, limits.conciseCharacters - 450);
  const cut = routes.length < all.length;
  const off = found.filter(({ disabled }) => disabled !== null).length;
  const dead = found.reduce((sum, route) => sum + route.dead, 0);
  return {
    data: { routes, count: all.length, ...(cut ? { truncated: true } : {}) },
    text: `${plural(all.length, "alert route")}${cut ? `, the first ${routes.length}; detail full has the others` : ""}.${off === 0 ? "" : ` ${off} switched off: set-alert-route switches one on again.`}${dead === 0 ? "" : ` ${dead} dead in the outbox: POST /webhooks/replay sends them again.`} Next: test-alert-route with a name.`,
  };
};

function fitting<Row>(rows: readonly Row[], maxCharacters: number): Row[] {
  let characters = 0;
  return rows.filter((row) => (characters += JSON.stringify(row).length + 1) <= maxCharacters);
}
