import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { jobNow } from "./job-now.ts";
import { nextCall, sentence } from "./job-sentence.ts";

export const stopTraining: EdgeHandler<"stop-training"> = async (input, context) => {
  const detail = context.detail(undefined);
  const before = unwrap(await context.hub.viewJob(input.job_id, false));
  if (isTerminal(before.summary.state)) {
    const message = "It had ended before; nothing was changed.";
    return {
      data: { ...jobAnswer(before, detail), success: true, already_ended: true, message },
      text: `Job ${input.job_id}: ${message} ${sentence(before)} Next: ${nextCall(before)}.`,
    };
  }
  const { delivered, ...after } = unwrap(
    await context.hub.stopJob({
      jobId: input.job_id,
      mode: input.mode,
      by: "user",
      reason: input.reason ?? "",
    }),
  );
  const now = jobNow(after);
  const since =
    now.currentStep === null ? null : now.currentStep - (after.summary.lastCheckpoint?.step ?? 0);
  const message = messageFor(before, after.summary.state, delivered, input.mode);
  return {
    data: {
      ...jobAnswer(after, detail),
      success: true,
      already_ended: false,
      message,
      steps_since_checkpoint: since === null ? null : Math.max(0, since),
    },
    text: `Job ${input.job_id}: ${message} Next: get-training-status with job_id ${input.job_id}.`,
  };
};

/** What was asked for, not what will come of it: only the box knows whether its trainer can save on request. */
function messageFor(
  before: JobView,
  state: string,
  delivered: boolean,
  mode: "checkpoint" | "now",
): string {
  if (state === "stopped" && before.summary.attempt === 0) {
    return "It was taken out of the queue and never ran.";
  }
  if (!delivered)
    return "The stop is noted; the box has not confirmed it and gets it when it connects.";
  if (before.summary.stop?.mode === "now") return "It was being stopped already, without a save.";
  return mode === "checkpoint"
    ? "The box was asked to save a checkpoint first, where its trainer can, and then to stop it; this can take some minutes."
    : "The box is stopping it now; steps after the last checkpoint are lost.";
}
