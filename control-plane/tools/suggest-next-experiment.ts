import { evaluate, evaluationWeights } from "@trainyard/shared/analysis/evaluate.ts";
import type { Evaluation } from "@trainyard/shared/analysis/evaluate.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import type { Judgement } from "@trainyard/shared/analysis/judge-run.ts";
import { nextExperiment } from "@trainyard/shared/analysis/next-experiment.ts";
import type { NextExperiment } from "@trainyard/shared/analysis/next-experiment.ts";
import {
  evaluationJson,
  nextExperimentJson,
} from "@trainyard/shared/analysis/report/report-judgement.ts";
import { onlyIncluded } from "@trainyard/shared/analysis/report/included-facts.ts";
import { runReport } from "@trainyard/shared/analysis/report/run-report.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OutputOf } from "@trainyard/shared/tools/define-tool.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { suggestNextExperiment as contract } from "@trainyard/shared/tools/suggest-next-experiment.ts";
import type { EdgeHandler } from "./context.ts";
import { fitList } from "./fit-list.ts";
import { distinct, gatherRuns, newestJobIds, skippedView } from "./gather-runs.ts";
import type { GatheredRun } from "./gather-runs.ts";
import { picked } from "./picked.ts";
import { iso } from "./words.ts";

type Input = ToolInput<"suggest-next-experiment">;
type Output = OutputOf<typeof contract>;

/** Without ids the newest of them are looked at (peers 1.3). */
const candidatesByDefault = 5;

interface Candidate {
  readonly jobId: string;
  readonly judgement: Judgement;
  readonly evaluation: Evaluation | null;
  readonly experiment: NextExperiment;
}

export const suggestNextExperiment: EdgeHandler<"suggest-next-experiment"> = async (
  input,
  context,
) => {
  const requested = distinct([
    ...(input.job_id === undefined ? [] : [input.job_id]),
    ...(input.job_ids ?? []),
  ]);
  const ids =
    requested.length > 0
      ? requested
      : await newestJobIds({ onlyTerminal: false, limit: candidatesByDefault }, context);
  const { runs, skipped } = await gatherRuns(ids, { onlyTerminal: false }, context);
  const candidates = runs.flatMap((run) => candidateOf(run, input) ?? []);
  const known = new Set(candidates.map(({ jobId }) => jobId));
  const skippedCandidates = [
    ...skipped.map(skippedView),
    ...runs
      .filter(({ facts }) => !known.has(facts.job.id))
      .map(({ facts }) => ({ job_id: facts.job.id, reason: "insufficient_evidence" })),
  ];
  const best = candidates.reduce<Candidate | null>(better, null);
  const full = context.detail(input.detail) === "full";
  const shared: Output = {
    generated_at: iso(context.now()),
    status: best === null ? "no_evaluable_candidates" : "ok",
    selected_job_id: best?.jobId ?? null,
    recommendation: best === null ? null : recommendationOf(best.experiment, full),
    candidate_scores: candidates.flatMap(({ jobId, evaluation }) =>
      evaluation === null
        ? []
        : [
            {
              job_id: jobId,
              overall_score: evaluation.overallScore,
              grade: evaluation.grade,
              passed: evaluation.passed,
            },
          ],
    ),
    skipped_candidates: skippedCandidates,
  };
  const text =
    best === null
      ? "No job has enough evidence for a proposal. Next: list-training-jobs, or run-training-with-guardrails to make some."
      : `From job ${best.jobId}: change ${best.experiment.parameter} only (${best.experiment.impact} impact, ${best.experiment.risk} risk). ${best.experiment.rationale} Next: create-training-config with the change, then run-training-with-guardrails.`;
  if (!full) {
    return {
      data: {
        ...shared,
        candidate_scores: fitList(shared.candidate_scores, 350),
        skipped_candidates:
          skippedCandidates.length === 0
            ? []
            : fitList(skippedCandidates, limits.conciseCharacters / 8),
      },
      text,
    };
  }
  return {
    data: {
      ...shared,
      requested_job_ids: requested,
      ...(best === null
        ? {}
        : {
            recommendation_type: best.experiment.type,
            parameter: best.experiment.parameter,
            selected_evaluation: evaluationJson(best.evaluation),
            selected_run_report: runReport(best.judgement, {
              includeDataset: input.include_dataset,
              includeNlp: input.include_nlp,
            }),
          }),
      inputs: {
        job_id: input.job_id ?? null,
        job_ids: input.job_ids ?? [],
        log_lines: input.log_lines,
        include_includeDataset: input.include_dataset,
        include_nlp: input.include_nlp,
        max_dataset_files: input.max_dataset_files,
        pass_threshold: input.pass_threshold,
      },
    },
    text,
  };
};

/** Null where nothing can be proposed: too little was seen. A failed run has no grade and may well have a proposal. */
function candidateOf({ facts }: GatheredRun, input: Input): Candidate | null {
  const judgement = judgeRun(
    onlyIncluded(facts, { includeDataset: input.include_dataset, includeNlp: input.include_nlp }),
  );
  const experiment = nextExperiment(judgement);
  if (experiment === null) return null;
  const evaluation = evaluate(judgement, {
    weights: evaluationWeights,
    passThreshold: input.pass_threshold,
  });
  return {
    jobId: facts.job.id,
    judgement,
    experiment,
    evaluation: "notEvaluated" in evaluation ? null : evaluation,
  };
}

function better(best: Candidate | null, next: Candidate): Candidate {
  const score = (candidate: Candidate): number => candidate.evaluation?.overallScore ?? -1;
  return best === null || score(next) > score(best) ? next : best;
}

function recommendationOf(
  experiment: NextExperiment,
  full: boolean,
): NonNullable<Output["recommendation"]> {
  const whole: NonNullable<Output["recommendation"]> = nextExperimentJson(experiment);
  return full
    ? whole
    : picked(whole, [
        "recommendation_type",
        "parameter",
        "current",
        "proposed",
        "expected_impact",
        "risk_level",
        "validation_plan",
      ]);
}
