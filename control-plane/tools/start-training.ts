import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import type { EdgeHandler } from "./context.ts";
import { jobAnswer } from "./job-answer.ts";
import { nextCall } from "./job-sentence.ts";
import { readSavedConfig } from "./saved-config.ts";
import { startJob } from "./start-job.ts";
import { startLlmRun } from "./start-llm-run.ts";
import { isQueued, startedMessage } from "./started-job.ts";

export const startTraining: EdgeHandler<"start-training"> = async (input, context) => {
  const { project_path, run_id, config_name } = input;
  if (project_path !== undefined && run_id !== undefined && config_name === undefined) {
    return startLlmRun({ ...input, project_path, run_id }, context);
  }
  if (config_name === undefined || project_path !== undefined || run_id !== undefined) {
    throw new AppError("INVALID_ARGUMENT", "What is to be started is not clear.", {
      hint: "Give config_name for a saved config; or project_path and run_id, both, for a run of a language-model project.",
      details: { field: config_name === undefined ? "config_name" : "project_path" },
    });
  }
  const config = await readSavedConfig(context, config_name, input.agent);
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
