import { limits } from "@trainyard/shared/limits.ts";
import type { DeliveryView } from "../hub/alert-requests.ts";
import { unwrap } from "../outcome.ts";
import { deliveryAnswer } from "./alert-views.ts";
import type { EdgeHandler } from "./context.ts";

/** Leaves the caller's time for the answer itself. */
const answerMarginMs = 2_000;

export const testAlertRoute: EdgeHandler<"test-alert-route"> = async ({ name }, context) => {
  const leftMs = context.deadlineAtMs - context.now() - answerMarginMs;
  const waitMs = Math.max(0, Math.min(leftMs, limits.webhookTimeoutMs + answerMarginMs));
  const delivery = unwrap(await context.hub.alerts("test", { name, waitMs }));
  const message = sentence(delivery);
  return {
    data: {
      success: delivery.status === "delivered",
      delivery: deliveryAnswer(delivery, "full"),
      message,
    },
    text: `${message} Next: ${delivery.status === "delivered" ? "nothing; alerts arrive by themselves" : "list-alert-routes, or set-alert-route to correct it"}.`,
  };
};

function sentence({ status, sink, history, reason, nextAtMs }: DeliveryView): string {
  const last = history.at(-1);
  const answered = last?.status === null || last === undefined ? "" : ` (HTTP ${last.status})`;
  if (status === "delivered") return `The test alert arrived${answered}.`;
  if (status === "dead") return `The test alert did not arrive: ${reason ?? "unknown"}${answered}.`;
  if (sink === "file" && nextAtMs === null) {
    return "The box is off; the test alert is written when it is back.";
  }
  return last === undefined
    ? "The test alert is on its way; no attempt has ended yet."
    : `The first attempt failed: ${reason ?? "unknown"}${answered}. It is tried again by itself.`;
}
