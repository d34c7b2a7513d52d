import type { Judgement } from "./judge-run.ts";
import { componentValues } from "./judge-run.ts";
import { round, weightedScore } from "./score.ts";

const comparedNames = ["convergence", "speed", "stability", "dataset"] as const;
type ComparedName = (typeof comparedNames)[number];
export type Band = "negligible" | "moderate" | "large";

/** Peers 2.9; the dataset's weight is 0 for a run whose dataset is unknown, and the rest is scaled to 1. */
const comparisonWeights: Readonly<Record<ComparedName, number>> = {
  convergence: 0.4,
  stability: 0.3,
  speed: 0.2,
  dataset: 0.1,
};

/** The seeds' contract, unchanged. */
export const bandSource = {
  id: "absolute_delta_thresholds_v1",
  units: "score_points",
  thresholds: { negligible_lte: 2, moderate_lte: 8, large_gt: 8 },
} as const;

export interface RankedRun {
  readonly jobId: string;
  readonly judgement: Judgement;
  readonly rank: number;
  readonly total: number;
  readonly components: Readonly<Record<Exclude<ComparedName, "dataset">, number>> & {
    readonly dataset: number | null;
  };
  readonly weights: Readonly<Record<ComparedName, number>>;
  readonly delta: {
    readonly total: number;
    readonly totalBand: Band;
    readonly components: Readonly<Record<ComparedName, number | null>>;
    readonly componentBands: Readonly<Record<ComparedName, Band | null>>;
  };
}

export interface Ranking {
  readonly rule: "comparison_v2";
  /** How `speed` was made: by the curve of each run's family, or against the fastest of these runs. */
  readonly speedRule: "throughput_bands_v2" | "relative_rate_v2";
  readonly runs: readonly RankedRun[];
  readonly winnerJobId: string;
  readonly winnerScore: number;
  readonly scoreSpread: number;
}

export interface SkippedRun {
  readonly jobId: string;
  readonly reason: "insufficient_evidence" | "listed_twice";
  /** Components that are not known. */
  readonly missing: readonly ComparedName[];
}

/**
 * `comparison_v2`: best first; equal totals keep the order they came in. Speed is absolute where every run has a curve, so
 * that a third run changes neither score nor winner (the seeds' min-max gave the slowest 0 at 1 % behind); where one has
 * none it is the share of the fastest rate. A run without convergence, stability or speed is skipped, not given a number.
 */
export function rankRuns(judgements: readonly Judgement[]): {
  readonly ranking: Ranking | null;
  readonly skipped: readonly SkippedRun[];
} {
  const skipped: SkippedRun[] = [];
  const taken = new Map<string, Judgement>();
  for (const judgement of judgements) {
    const jobId = judgement.facts.job.id;
    const missing = missingOf(judgement);
    if (taken.has(jobId)) skipped.push({ jobId, reason: "listed_twice", missing: [] });
    else if (missing.length > 0) skipped.push({ jobId, reason: "insufficient_evidence", missing });
    else taken.set(jobId, judgement);
  }
  const runs = [...taken.values()];
  if (runs.length === 0) return { ranking: null, skipped };
  const speedRule = runs.every(({ components }) => components.speed.value !== null)
    ? "throughput_bands_v2"
    : "relative_rate_v2";
  const fastest = Math.max(...runs.map(({ throughput }) => throughput.median ?? 0));
  const scoredRuns = runs
    .map((judgement) => totalOf(judgement, speedRule, fastest))
    .sort((a, b) => b.total - a.total);
  const winner = scoredRuns[0] as ScoredRun;
  const worst = scoredRuns.at(-1) as ScoredRun;
  return {
    ranking: {
      rule: "comparison_v2",
      speedRule,
      runs: scoredRuns.map((run, i) => ({ ...run, rank: i + 1, delta: deltaOf(run, winner) })),
      winnerJobId: winner.jobId,
      winnerScore: winner.total,
      scoreSpread: round(winner.total - worst.total, 2),
    },
    skipped,
  };
}

type ScoredRun = Omit<RankedRun, "rank" | "delta">;

function missingOf(judgement: Judgement): ComparedName[] {
  const known = componentValues(judgement);
  return comparedNames.filter((name) => {
    if (name === "dataset") return false;
    return name === "speed" ? judgement.throughput.median === null : known[name] === null;
  });
}

function totalOf(
  judgement: Judgement,
  speedRule: Ranking["speedRule"],
  fastest: number,
): ScoredRun {
  const known = componentValues(judgement);
  const speed =
    speedRule === "throughput_bands_v2"
      ? (known.speed as number)
      : round((100 * (judgement.throughput.median as number)) / fastest, 2);
  const components = {
    convergence: known.convergence as number,
    speed,
    stability: known.stability as number,
    dataset: known.dataset,
  };
  const sum = comparedNames.reduce(
    (all, name) => all + (components[name] === null ? 0 : comparisonWeights[name]),
    0,
  );
  const weightOf = (name: ComparedName): number =>
    components[name] === null ? 0 : round(comparisonWeights[name] / sum, 4);
  const weights = {
    convergence: weightOf("convergence"),
    speed: weightOf("speed"),
    stability: weightOf("stability"),
    dataset: weightOf("dataset"),
  };
  const total = weightedScore(components, comparisonWeights).value as number;
  return { jobId: judgement.facts.job.id, judgement, total, components, weights };
}

function deltaOf(run: ScoredRun, winner: ScoredRun): RankedRun["delta"] {
  const total = round(run.total - winner.total, 2);
  const between = (name: ComparedName): number | null => {
    const [mine, best] = [run.components[name], winner.components[name]];
    return mine === null || best === null ? null : round(mine - best, 2);
  };
  const components = {
    convergence: between("convergence"),
    speed: between("speed"),
    stability: between("stability"),
    dataset: between("dataset"),
  };
  return {
    total,
    totalBand: bandOf(total),
    components,
    componentBands: {
      convergence: bandOrNull(components.convergence),
      speed: bandOrNull(components.speed),
      stability: bandOrNull(components.stability),
      dataset: bandOrNull(components.dataset),
    },
  };
}

export function bandOf(delta: number): Band {
  const size = Math.abs(delta);
  if (size <= bandSource.thresholds.negligible_lte) return "negligible";
  return size <= bandSource.thresholds.moderate_lte ? "moderate" : "large";
}

function bandOrNull(delta: number | null): Band | null {
  return delta === null ? null : bandOf(delta);
}

export interface BaselinePosition {
  readonly rank: number;
  readonly total: number;
  /** 100 for the best, 0 for the worst, 100 for one alone (peers 2.9). */
  readonly percentile: number;
  readonly score: number;
}

/** Where a job stands in a ranking; null when it is not in it. */
export function positionIn({ runs }: Ranking, jobId: string): BaselinePosition | null {
  const run = runs.find((one) => one.jobId === jobId);
  if (run === undefined) return null;
  const total = runs.length;
  const percentile = total <= 1 ? 100 : round((100 * (total - run.rank)) / (total - 1), 2);
  return { rank: run.rank, total, percentile, score: run.total };
}
