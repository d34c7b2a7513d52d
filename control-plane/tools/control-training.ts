import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal, publicStatus } from "@trainyard/shared/jobs/state.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type * as hub from "../hub/hub.ts";
import type { JobEvent } from "../job/job.ts";
import { unwrap } from "../outcome.ts";
import { awaitWritten } from "./await-written.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { jobNow } from "./job-now.ts";
import { nextCall } from "./job-sentence.ts";
import { isoOrNull } from "./words.ts";

type Action = "save" | "sample";

/** Left for the answer itself to be made and sent before the caller's time is over. */
const marginMs = 2_000;
const eventsSeen = 200;

export const controlTraining: EdgeHandler<"control-training"> = async (input, context) => {
  const { job_id: jobId, action } = input;
  const before = unwrap(await context.hub.viewJob(jobId, true));
  const seen = lastSeq(unwrap(await context.job(jobId).events([kindOf(action)], 1)));
  const { outcome } = await context.callAgent(before.summary.agentId, "ask-trainer", {
    jobId,
    attempt: Math.max(1, before.summary.attempt),
    what: action,
  });
  if (outcome !== "asked") throw refusal(outcome, before);
  const expected = await expectedOf(action, jobId, context);
  const written = await waitFor(
    action,
    { jobId, seen, seconds: input.wait_seconds, expected },
    context,
  );
  const now = unwrap(await context.hub.viewJob(jobId, false));
  const done = written.length > 0;
  const step = done ? stepOf(written.at(-1), now) : null;
  const message = messageOf(action, written.length, step);
  const next =
    done && action === "sample" ? `get-training-samples with job_id ${jobId}` : nextCall(now);
  return {
    data: {
      job_id: jobId,
      action,
      status: publicStatus(jobNow(now).state),
      connectivity: now.connectivity,
      success: true,
      done,
      step,
      paths: written.flatMap(({ item }) => ("path" in item ? [item.path] : [])),
      observed_at: isoOrNull(jobNow(now).observedAtMs),
      message,
      next,
    },
    text: `Job ${jobId}: ${message} Next: ${next}.`,
  };
};

function kindOf(action: Action): "checkpoint" | "sample" {
  return action === "save" ? "checkpoint" : "sample";
}

function lastSeq(events: readonly JobEvent[]): { attempt: number; seq: number } {
  const last = events.at(-1);
  return { attempt: last?.attempt ?? 0, seq: last?.seq ?? 0 };
}

function waitFor(
  action: Action,
  wish: {
    readonly jobId: string;
    readonly seen: { readonly attempt: number; readonly seq: number };
    readonly seconds: number;
    readonly expected: number;
  },
  context: EdgeContext,
): Promise<readonly JobEvent[]> {
  const { jobId, seen, seconds, expected } = wish;
  return awaitWritten(
    {
      now: () => context.now(),
      sleep: (ms) => context.sleep(ms),
      async written() {
        const events = unwrap(await context.job(jobId).events([kindOf(action)], eventsSeen));
        return events.filter(
          ({ attempt, seq }) =>
            attempt > seen.attempt || (attempt === seen.attempt && seq > seen.seq),
        );
      },
      async look() {
        const view = unwrap(await context.hub.viewJob(jobId, true));
        return {
          isOver: isTerminal(view.summary.state) || context.signal.aborted,
          isDrawing: action === "sample" && jobNow(view).phase === "sampling",
        };
      },
    },
    {
      expected,
      untilMs: Math.min(context.now() + seconds * 1_000, context.deadlineAtMs - marginMs),
    },
  );
}

/** A checkpoint is one; of pictures there is one for each prompt of the job. */
async function expectedOf(action: Action, jobId: string, context: EdgeContext): Promise<number> {
  if (action === "save") return 1;
  const { snapshot } = unwrap(await context.job(jobId).describe());
  return Math.max(1, readAiToolkitDocument(snapshot.document).prompts.length);
}

function stepOf(event: JobEvent | undefined, view: hub.JobView): number | null {
  if (event === undefined || !("step" in event.item)) return null;
  return event.item.step ?? view.summary.currentStep;
}

function messageOf(action: Action, written: number, step: number | null): string {
  const at = step === null ? "" : ` at step ${step}`;
  if (action === "save") {
    return written > 0
      ? `The checkpoint${at} is written; the training goes on.`
      : "The trainer was asked for a checkpoint and writes it behind its next step.";
  }
  return written > 0
    ? `${written} sample picture${written === 1 ? " is" : "s are"} there${at}; the training goes on.`
    : "The trainer was asked for sample pictures and draws them behind its next step.";
}

function refusal(
  outcome: Exclude<OperationValue<"ask-trainer">["outcome"], "asked">,
  { summary }: hub.JobView,
): AppError {
  const details = { job_id: summary.jobId, state: summary.state };
  switch (outcome) {
    case "not-running":
      return new AppError("JOB_NOT_RUNNING", "The job is not running, so there is nobody to ask.", {
        hint: isTerminal(summary.state)
          ? "Call resume-training to go on with it."
          : "Call get-training-status to see when it runs.",
        details,
      });
    case "not-listening":
      return new AppError("JOB_NOT_RUNNING", "The trainer does not take requests at this moment.", {
        hint: "It is before its start or behind its last step. Call get-training-status.",
        details,
      });
    case "cannot":
      return new AppError(
        "NOT_SUPPORTED",
        "This job's trainer cannot be asked for that while it runs.",
        {
          hint: "Wait for the next planned checkpoint or sample; AI Toolkit's diffusion_trainer of today can be asked.",
          details,
        },
      );
  }
}
