import { AppError } from "@trainyard/shared/errors.ts";
import { publicStatus } from "@trainyard/shared/jobs/state.ts";
import { rulesFrom, viewOfRules } from "@trainyard/shared/tools/guardrail-options.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { jobNow } from "./job-now.ts";

export const setGuardrails: EdgeHandler<"set-guardrails"> = async (input, context) => {
  const change = rulesFrom(input, context.given);
  if (Object.keys(change).length === 0) {
    throw new AppError("INVALID_ARGUMENT", "No rule was given to change.", {
      hint: "Give at least one, such as stop_on_nan, max_hours or dry_run.",
      details: { field: "stop_on_nan" },
    });
  }
  const view = unwrap(await context.hub.changeGuardrails(input.job_id, change));
  const { guardrails, delivery, connectivity, summary } = view;
  const { wanted, inForce } = guardrails;
  const acting = viewOfRules(wanted.rules).acting;
  const full = context.detail(input.detail) === "full";
  const message = messages[delivery];
  const next = `get-training-status with job_id ${summary.jobId}`;
  return {
    data: {
      job_id: summary.jobId,
      status: publicStatus(jobNow(view).state),
      connectivity,
      revision: wanted.revision,
      delivery,
      acting,
      ...(full
        ? {
            in_force: inForce === null ? null : viewOfRules(inForce.rules),
            pending: delivery === "in-force" ? null : viewOfRules(wanted.rules),
          }
        : {}),
      message,
      next,
    },
    text: `Job ${summary.jobId}: ${message} ${wanted.rules.dryRun ? "It is a dry run: nothing is stopped." : `Rules that stop it: ${acting.length === 0 ? "none" : acting.join(", ")}.`} Next: ${next}.`,
  };
};

const messages = {
  "in-force": "The box judges by these rules now.",
  waiting: "The job waits in the queue; it starts with these rules.",
  pending:
    "These rules are kept with the job; the box has not confirmed them and gets them when it connects. Until then those before hold.",
} as const;
