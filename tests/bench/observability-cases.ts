/** Golden cases of judging a run: data in, what was said and what was expected out. Run by observability.ts and by a test. */
import { readFileSync } from "node:fs";
import { addLosses, emptyLoss } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import type { LossAggregate } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import { judgeRun } from "@trainyard/shared/analysis/judge-run.ts";
import { buildReport, defaultReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import { noFaults } from "@trainyard/shared/analysis/run-facts.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { emptySpeed } from "@trainyard/shared/analysis/speed-aggregate.ts";
import { seededRandom } from "../support/loss-noise.ts";
import { dataset, healthyRun, job, nowMs, speedOf } from "../support/run-facts.ts";

interface LossShape {
  readonly steps: number;
  /** From the first step to the last, in per cent. */
  readonly changePct: number;
  /** Of the natural logarithm. */
  readonly sd: number;
  readonly seeds: readonly number[];
  readonly warmUp?: { readonly height: number; readonly steps: number };
  readonly jump?: { readonly atStep: number; readonly ratio: number };
  readonly spikes?: {
    readonly at: readonly number[];
    readonly length: number;
    readonly ratio: number;
  };
  readonly nanAt?: readonly number[];
  readonly nanFrom?: number;
}

interface SpeedShape {
  readonly rate: number;
  readonly count?: number;
  readonly laterRate?: number;
  /** Part of the run after which `laterRate` holds. */
  readonly laterFrom?: number;
}

export interface GoldenCase {
  readonly name: string;
  readonly about: string;
  readonly loss: LossShape | null;
  readonly speed?: SpeedShape | null;
  readonly job?: Partial<RunFacts["job"]>;
  readonly dataset?: Partial<NonNullable<RunFacts["dataset"]>> | null;
  readonly faults?: Partial<RunFacts["faults"]>;
  readonly failure?: RunFacts["failure"];
  readonly expect: {
    readonly health?: string;
    readonly trend?: string;
    readonly findings?: readonly string[];
    readonly oneOf?: readonly string[];
    readonly absent?: readonly string[];
    readonly stop?: boolean;
    readonly evaluated?: boolean;
    readonly next?: string;
  };
}

export interface CaseResult {
  readonly name: string;
  readonly about: string;
  readonly seed: number | null;
  readonly health: string;
  readonly trend: string;
  readonly findings: readonly string[];
  readonly grade: string | null;
  readonly overall: number | null;
  readonly stop: boolean;
  readonly next: string | null;
  /** Milliseconds that the whole report took. */
  readonly reportMs: number;
  /** What was expected and not said, or said and not expected; empty when the case is met. */
  readonly missed: readonly string[];
}

const goldenCasesFile = new URL("../fixtures/observability/cases.json", import.meta.url);

export function goldenCases(path: string | URL = goldenCasesFile): readonly GoldenCase[] {
  return JSON.parse(readFileSync(path, "utf8")) as GoldenCase[];
}

/** One result per seed. */
export function runCase(golden: GoldenCase): CaseResult[] {
  const seeds = golden.loss?.seeds ?? [null];
  return seeds.map((seed) => judged(golden, seed));
}

function judged(golden: GoldenCase, seed: number | null): CaseResult {
  const facts = factsOf(golden, seed);
  const begun = performance.now();
  const report = buildReport(facts, { nowMs, inputs: defaultReportInputs });
  const reportMs = performance.now() - begun;
  const { course } = judgeRun(facts);
  const evaluation = "overall_score" in report.evaluation ? report.evaluation : null;
  const said = {
    name: golden.name,
    about: golden.about,
    seed,
    health: report.overall_health,
    trend: course.trend.verdict,
    findings: report.alerts.map(({ code }) => code),
    grade: evaluation?.grade ?? null,
    overall: evaluation?.overall_score ?? null,
    stop: report.intelligence.decision_gates.requires_immediate_stop,
    next:
      "recommendation_type" in report.next_experiment
        ? report.next_experiment.recommendation_type
        : null,
    reportMs: Number(reportMs.toFixed(3)),
  };
  return { ...said, missed: missedBy(golden.expect, said, evaluation !== null) };
}

type Plain = string | boolean | null;

function missedBy(
  expected: GoldenCase["expect"],
  said: Omit<CaseResult, "missed">,
  evaluated: boolean,
): string[] {
  const missed: string[] = [];
  const same = (what: string, wanted: Plain | undefined, found: Plain): void => {
    if (wanted !== undefined && wanted !== found) {
      missed.push(`${what} is ${String(found)}, expected ${String(wanted)}`);
    }
  };
  same("health", expected.health, said.health);
  same("trend", expected.trend, said.trend);
  same("stop", expected.stop, said.stop);
  same("evaluated", expected.evaluated, evaluated);
  same("next experiment", expected.next, said.next);
  for (const code of expected.findings ?? []) {
    if (!said.findings.includes(code)) missed.push(`${code} was not found`);
  }
  for (const code of expected.absent ?? []) {
    if (said.findings.includes(code)) missed.push(`${code} was found`);
  }
  if (
    expected.oneOf !== undefined &&
    !expected.oneOf.some((code) => said.findings.includes(code))
  ) {
    missed.push(`none of ${expected.oneOf.join(", ")} was found`);
  }
  return missed;
}

function factsOf(golden: GoldenCase, seed: number | null): RunFacts {
  const healthy = healthyRun();
  return healthyRun({
    job: { ...job, ...golden.job },
    loss: golden.loss === null ? emptyLoss : lossOf(golden.loss, seed ?? 1),
    speed:
      golden.speed === null
        ? emptySpeed
        : golden.speed === undefined
          ? healthy.speed
          : speedOf(ratesOf(golden.speed)),
    dataset: golden.dataset === null ? null : { ...dataset, ...golden.dataset },
    faults: { ...noFaults, ...golden.faults },
    failure: golden.failure ?? null,
    ...(golden.loss === null
      ? { checkpoints: { count: 0, last: null, finalModel: false, samples: 0 } }
      : {}),
  });
}

function lossOf(shape: LossShape, seed: number): LossAggregate {
  const { normal } = seededRandom(seed);
  const slope = Math.log1p(shape.changePct / 100) / shape.steps;
  const losses = Array.from({ length: shape.steps }, (_, step) => {
    const noise = shape.sd * normal();
    if (shape.nanFrom !== undefined && step >= shape.nanFrom) return Number.NaN;
    if (shape.nanAt?.includes(step) === true) return Number.NaN;
    const warm =
      shape.warmUp === undefined ? 0 : shape.warmUp.height * Math.exp(-step / shape.warmUp.steps);
    const jump = shape.jump !== undefined && step >= shape.jump.atStep ? shape.jump.ratio : 1;
    const { spikes } = shape;
    const spike =
      spikes?.at.some((at) => step >= at && step < at + spikes.length) === true ? spikes.ratio : 1;
    return 0.2 * Math.exp(slope * step + noise + warm) * jump * spike;
  });
  return addLosses(
    emptyLoss,
    losses.map((_, step) => step),
    losses,
  );
}

function ratesOf({ rate, count = 200, laterRate = rate, laterFrom = 1 }: SpeedShape): number[] {
  return Array.from({ length: count }, (_, at) => (at < laterFrom * count ? rate : laterRate));
}

/** A page for people; everything of it is in the JSON too. */
export function casesMarkdown(results: readonly CaseResult[]): string {
  const missed = results.filter((result) => result.missed.length > 0);
  const rows = results.map((result) =>
    [
      result.name,
      result.seed === null ? "" : String(result.seed),
      result.missed.length === 0 ? "met" : `missed: ${result.missed.join("; ")}`,
      result.health,
      result.trend,
      result.findings.join(", "),
      result.grade === null ? "not evaluated" : `${result.grade} (${result.overall ?? ""})`,
      result.next ?? "",
      result.reportMs.toFixed(1),
    ].join(" | "),
  );
  return [
    "# Golden cases of judging a run",
    "",
    `${results.length - missed.length} of ${results.length} met.`,
    "",
    "| case | seed | verdict | health | loss | findings | grade | next experiment | ms |",
    "| --- | --: | --- | --- | --- | --- | --- | --- | --: |",
    ...rows.map((row) => `| ${row} |`),
    "",
  ].join("\n");
}
