import { parseName } from "@trainyard/shared/names.ts";
import { unwrap } from "../outcome.ts";
import { readPlace } from "./alert-place.ts";
import { readKnobs, routeAnswer } from "./alert-views.ts";
import { chooseAgent } from "./choose-agent.ts";
import type { EdgeHandler } from "./context.ts";

export const setAlertRoute: EdgeHandler<"set-alert-route"> = async (input, context) => {
  const name = parseName("route", input.name);
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
