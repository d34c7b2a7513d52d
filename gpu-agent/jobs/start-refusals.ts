import { AppError } from "@trainyard/shared/errors.ts";
import { canonicalJson } from "@trainyard/shared/canonical-json.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { AttemptRow } from "../spool.ts";
import type { AttemptRunner } from "./attempt-runner.ts";
import { parseSpec } from "./attempt-spec.ts";

/** One slot, one trainer. What another program runs waits in a queue there, behind whatever it has begun. */
export function refuseBusySlot(
  runners: readonly AttemptRunner[],
  slot: string,
  runsElsewhere: boolean,
): void {
  const other = runners.find(
    (runner) =>
      runner.spec.args.slot === slot &&
      (runner.spec.training.elsewhere === undefined ||
        (!runsElsewhere && runner.state() !== "queued")),
  );
  if (other === undefined) return;
  throw new AppError("QUOTA_EXCEEDED", `The slot ${slot} is busy with ${other.key.jobId}.`, {
    hint: "Wait until that job has ended, or stop it with stop-training.",
    details: { slot, job_id: other.key.jobId },
  });
}

/** The same start again is the same start, under whatever call id. */
export function acceptedBefore(
  row: AttemptRow,
  args: OperationArgs<"start-attempt">,
): { accepted: true } {
  const spec = parseSpec(row.spec);
  if (spec === null) {
    throw new AppError("JOB_NOT_RUNNING", "This attempt was stopped before it was started.", {
      hint: "Start the job again.",
    });
  }
  if (canonicalJson(spec.args) !== canonicalJson(args)) {
    throw new AppError("IDEMPOTENCY_CONFLICT", "This attempt was started with other arguments.", {
      hint: "Start another attempt.",
    });
  }
  return { accepted: true };
}

export function trainerMissing(name: string, reason: string | null | undefined): AppError {
  return new AppError(
    "TRAINER_NOT_FOUND",
    `The trainer ${name} is not on this box${reason ? `: ${reason}` : "."}`,
    {
      hint: 'Call get-system-stats for the trainers of this box; model_name "tiny" runs everywhere.',
      details: { trainer: name },
    },
  );
}
