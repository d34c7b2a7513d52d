import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import type { StartResult } from "../hub/hub.ts";
import type { EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { jobNow } from "./job-now.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import { readSavedConfig } from "./saved-config.ts";
import { startJob } from "./start-job.ts";

export const startTraining: EdgeHandler<"start-training"> = async (input, context) => {
  const config = await readSavedConfig(context, input.config_name, input.agent);
  const { result, checked } = await startJob(
    {
      tool: "start-training",
      config,
      agent: input.agent,
      gpu: input.gpu,
      idempotencyKey: input.idempotency_key,
      forceNew: input.force_new ?? false,
      guardrails: noGuardrailRules,
      maxDatasetFiles: 2_000,
      takesEmptyDataset: false,
      confirm: input.confirm,
    },
    context,
  );
  const detail = context.detail(undefined);
  const queued = isQueued(result);
  const message = startedMessage(result, checked);
  return {
    data: {
      ...jobAnswer(result, detail),
      success: true,
      started: !queued,
      queued,
      position: result.queuePosition,
      estimated_time: null,
      ...(detail === "full" ? { message } : {}),
      duplicate: result.duplicate,
    },
    text: `Job ${result.summary.jobId}: ${message} Next: ${nextCall(result)}.`,
  };
};

/** In the queue of the edge; a job that was handed to its box is started, even if its first sign of life is not here. */
export function isQueued(result: StartResult): boolean {
  return jobNow(result).state === "queued" && result.queuePosition !== null;
}

export function startedMessage(result: StartResult, checked: boolean): string {
  const again = result.duplicate ? "The same start was made before; this is its job. " : "";
  const unchecked =
    checked || result.duplicate ? "" : " Its trainer and dataset are checked when the box is back.";
  return `${again}${sentence(result)}${unchecked}`;
}
