import { jobEndCodes } from "@trainyard/shared/alerts/job-alerts.ts";
import { judgedCodes } from "@trainyard/shared/alerts/judged-alerts.ts";
import { guardrailCodes } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseName } from "@trainyard/shared/names.ts";
import { unwrap } from "../outcome.ts";
import { readPlace } from "./alert-place.ts";
import { readKnobs, routeAnswer } from "./alert-views.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeHandler } from "./context.ts";

/** Those of this version. A newer agent may tell of others, so a code that is not among them is taken as well. */
const knownCodes: readonly string[] = [
  ...guardrailCodes,
  ...jobEndCodes,
  "BOX_OFFLINE",
  "BOX_ONLINE",
  "QUEUE_STUCK",
  "ALERT_ROUTE_DISABLED",
  ...judgedCodes,
];

export const setAlertRoute: EdgeHandler<"set-alert-route"> = async (input, context) => {
  const name = parseName("route", input.name);
  if (input.codes?.length === 0) {
    throw new AppError("INVALID_ARGUMENT", "codes is empty: such a route would tell nothing.", {
      hint: `Leave codes out for all of them, or name some: ${knownCodes.join(", ")}.`,
      details: { field: "codes" },
    });
  }
  const agentId =
    input.agent === undefined ? null : (await chooseAgent(context, input.agent)).agentId;
  if (input.job_id !== undefined) unwrap(await context.hub.viewJob(input.job_id, false));
  const { route, created, secret } = unwrap(
    await context.hub.alerts("set", {
      name,
      place: readPlace(input, agentId, context),
      secret: input.secret ?? null,
      minSeverity: input.min_severity,
      jobId: input.job_id ?? null,
      codes: input.codes ?? null,
      knobs: readKnobs(input),
    }),
  );
  return {
    data: {
      route: routeAnswer(route, "full"),
      created,
      ...(secret === null ? {} : { secret }),
    },
    text: `Alert route ${name} is ${created ? "set" : "changed"}: ${route.minSeverity} and above go to ${route.sink}.${secret === null ? "" : " Keep the secret from this answer; it is not shown again."} Next: test-alert-route with name ${name}.`,
  };
};
