import { unwrap } from "../outcome.ts";
import type { EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import { isQueued } from "./started-job.ts";

/** Checkpoint events that are looked through for the last whole one. */
const eventsSeen = 500;

export const resumeTraining: EdgeHandler<"resume-training"> = async (input, context) => {
  const { job_id: jobId, steps } = input;
  const events = unwrap(await context.job(jobId).events(["checkpoint"], eventsSeen));
  const { resumed, ...view } = unwrap(
    await context.hub.resumeJob(jobId, { by: "user", steps: steps ?? null }),
  );
  // The box looks at the files themselves: one that is damaged since is set aside there.
  const whole = events.findLast(({ item }) => item.kind === "checkpoint" && item.valid)?.item;
  const step = whole?.kind === "checkpoint" ? (whole.step ?? view.summary.currentStep) : null;
  const detail = context.detail(undefined);
  const message = resumed
    ? `${step === null ? "It has no whole checkpoint and begins anew." : `It goes on from step ${step}.`} ${sentence(view)}`
    : `Nothing was changed: it has not ended. ${sentence(view)}`;
  return {
    data: {
      ...jobAnswer(view, detail),
      success: true,
      resumed,
      queued: isQueued({ ...view, duplicate: false }),
      from_step: step,
      message,
    },
    text: `Job ${jobId}: ${message} Next: ${nextCall(view)}.`,
  };
};
