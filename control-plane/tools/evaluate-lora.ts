import { evaluate, weightsFrom } from "@trainyard/shared/analysis/evaluate.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import { evaluationJson } from "@trainyard/shared/analysis/report/report-judgement.ts";
import { onlyIncluded } from "@trainyard/shared/analysis/report/included-facts.ts";
import { runReport } from "@trainyard/shared/analysis/report/run-report.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { evaluateLora as contract } from "@trainyard/shared/tools/evaluate-lora.ts";
import type { EdgeHandler } from "./context.ts";
import { gatherRun } from "./gather-runs.ts";
import { picked } from "./picked.ts";
import { iso } from "./words.ts";

type Output = OutputOf<typeof contract>;

export const evaluateLora: EdgeHandler<"evaluate-lora"> = async (input, context) => {
  const { facts } = await gatherRun(input.job_id, context);
  const weights = weightsFrom(input.rubric_weights ?? null);
  const judgement = judgeRun(
    onlyIncluded(facts, { includeDataset: input.include_dataset, includeNlp: input.include_nlp }),
  );
  const evaluation = evaluate(judgement, { weights, passThreshold: input.pass_threshold });
  const reason = "notEvaluated" in evaluation ? evaluation.notEvaluated : null;
  const view: Output["evaluation"] = evaluationJson(evaluation);
  const short: Output = {
    generated_at: iso(context.now()),
    job_id: input.job_id,
    overall_score: "notEvaluated" in evaluation ? null : evaluation.overallScore,
    grade: "notEvaluated" in evaluation ? null : evaluation.grade,
    passed: "notEvaluated" in evaluation ? null : evaluation.passed,
    evaluation: picked({ ...view }, ["skipped", "components", "diagnostics", "pass_threshold"]),
    ...(reason === null ? {} : { skipped_reason: reason }),
  };
  const next =
    reason === null
      ? `suggest-next-experiment with job_id ${input.job_id}`
      : `get-training-status with job_id ${input.job_id}`;
  const text =
    "notEvaluated" in evaluation
      ? `Job ${input.job_id} has no grade: ${reason === "no_weight" ? "all weights are 0" : "too little is known of it"}. Next: ${next}.`
      : `Job ${input.job_id}: grade ${evaluation.grade}, ${evaluation.overallScore} of 100, ${evaluation.passed ? "passed" : "not passed"} at ${evaluation.passThreshold}${evaluation.provisional ? " so far: it has not ended" : ""}. Next: ${next}.`;
  if (context.detail(input.detail) === "concise") return { data: short, text };
  return {
    data: {
      ...short,
      evaluation: view,
      inputs: {
        job_id: input.job_id,
        log_lines: input.log_lines,
        include_includeDataset: input.include_dataset,
        include_nlp: input.include_nlp,
        max_dataset_files: input.max_dataset_files,
        pass_threshold: input.pass_threshold,
        rubric_weights: { ...weights },
      },
      run_report: runReport(judgement, {
        includeDataset: input.include_dataset,
        includeNlp: input.include_nlp,
      }),
    },
    text,
  };
};
