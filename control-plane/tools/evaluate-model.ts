import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import type { LlmWork } from "@trainyard/shared/llm/llm-document.ts";
import { llmJobName } from "@trainyard/shared/llm/run-names.ts";
import type { ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { EdgeHandler } from "./context.ts";
import { nextCall, sentence } from "./job-sentence.ts";
import {
  jobsOfRun,
  readRun,
  runStatusOf,
  sameWork,
  startWork,
  trainedStage,
  waitForEnd,
} from "./llm-run.ts";

/** What the project's evaluate.py writes. */
const recordSchema = z.object({
  accuracy: z.number(),
  perplexity: z.number().nullable(),
  loss: z.number(),
  tokens: z.int(),
  rows: z.int(),
  custom_metrics: z.record(z.string(), z.number().nullable()),
  notes: z.record(z.string(), z.string()),
  meets_threshold: z.boolean().nullable(),
});

export const evaluateModel: EdgeHandler<"evaluate-model"> = async (input, context) => {
  const run = await readRun(input, context);
  const stage = trainedStage(run, input.stage);
  const test = input.test_dataset ?? run.data.test;
  if (test === null) {
    throw new AppError(
      "INVALID_ARGUMENT",
      "There is nothing to evaluate on: test_dataset is missing.",
      {
        hint: "Give datasets/<name>/<file>; the run was made without a test dataset.",
        details: { field: "test_dataset" },
      },
    );
  }
  const work: LlmWork = {
    kind: "evaluate",
    project: run.project,
    run_id: run.runId,
    stage,
    config: run.config,
    data: run.data,
    test_dataset: test,
    export: null,
  };
  const known = sameWork(await jobsOfRun(run.project, run.runId, context), work, context.now());
  const jobId =
    known?.view.summary.jobId ??
    (
      await startWork(
        run,
        { tool: "evaluate-model", work, jobName: llmJobName(work), gpu: input.gpu, forceNew: true },
        context,
      )
    ).result.summary.jobId;
  const view = await waitForEnd(jobId, context);
  const status = runStatusOf(view);
  const data: ToolOutput<"evaluate-model"> = {
    success: status === "completed",
    run_id: run.runId,
    stage,
    status,
    job_id: jobId,
    evaluation_results: null,
    results_file: null,
  };
  if (status !== "completed") {
    const next = isTerminal(view.summary.state)
      ? nextCall(view)
      : "the same call again, which waits for this job";
    return { data, text: `Evaluation ${jobId}: ${sentence(view)} Next: ${next}.` };
  }
  const { path, result } = await context.callAgent(run.agent.agentId, "read-result", {
    jobId,
    kind: "evaluation",
  });
  const results = recordSchema.parse(result);
  return {
    data: { ...data, evaluation_results: results, results_file: path },
    text: `Stage ${stage} of run ${run.runId} predicts ${(results.accuracy * 100).toFixed(1)} % of the tokens, perplexity ${results.perplexity?.toPrecision(4) ?? "beyond measure"}, over ${results.rows} rows. Next: export-model with project_path ${run.project} and run_id ${run.runId}.`,
  };
};
