import {
  type FailureCategory,
  type LogOutcome,
  type LogReport,
  type LogTool,
  logTools,
} from "../../shared/logs/log-report.ts";

/** One labelled log, as a line of the corpus holds it. */
export interface LogCase {
  readonly id: string;
  readonly tool: string;
  readonly provenance?: string;
  readonly log: string;
  readonly expect: {
    readonly outcome: LogOutcome;
    readonly category: FailureCategory;
    readonly root_cause_line: string | null;
    readonly last_step: number | null;
    readonly total_steps: number | null;
    readonly last_loss: number | null;
    readonly last_lr: number | null;
    readonly last_speed_it_s: number | null;
  };
}

export const numberNames = ["step", "total", "loss", "lr", "speed"] as const;
type NumberName = (typeof numberNames)[number];

export interface CaseScore {
  readonly case: LogCase;
  readonly report: LogReport;
  readonly outcome: boolean;
  readonly category: boolean;
  /** Exact after trimming both; null must meet null. */
  readonly rootCause: boolean;
  /** One of the two holds the other. */
  readonly rootCauseContained: boolean;
  readonly numbers: Readonly<Record<NumberName, boolean>>;
}

export function readCases(text: string): LogCase[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as LogCase);
}

/** The tool of a case, when it is one whose name the reader knows. */
export function toolOf({ tool }: LogCase): LogTool | undefined {
  return logTools.find((one) => one === tool);
}

/** Holds one report against its labels. Step and total are equal or not; tolerances as `numbersAgree` says. */
export function scoreCase(labelled: LogCase, report: LogReport): CaseScore {
  const { expect } = labelled;
  const wanted = expect.root_cause_line?.trim() ?? null;
  const found = report.rootCauseLine?.trim() ?? null;
  return {
    case: labelled,
    report,
    outcome: report.outcome === expect.outcome,
    category: report.category === expect.category,
    rootCause: found === wanted,
    rootCauseContained:
      wanted === null || found === null
        ? found === wanted
        : found !== "" && (wanted.includes(found) || found.includes(wanted)),
    numbers: {
      step: report.lastStep === expect.last_step,
      total: report.totalSteps === expect.total_steps,
      loss: numbersAgree(report.lastLoss, expect.last_loss, { relative: 1e-6 }),
      lr: numbersAgree(report.lastLr, expect.last_lr, { relative: 1e-6 }),
      speed: numbersAgree(report.lastSpeed, expect.last_speed_it_s, {
        absolute: 1e-6,
        relative: 0.005,
      }),
    },
  };
}

export interface Tolerance {
  readonly absolute?: number;
  readonly relative: number;
}

/** Null meets only null; otherwise within the larger of the two tolerances. */
export function numbersAgree(
  found: number | null,
  wanted: number | null,
  { absolute = 0, relative }: Tolerance,
): boolean {
  if (found === null || wanted === null) return found === wanted;
  return Math.abs(found - wanted) <= Math.max(absolute, relative * Math.abs(wanted));
}

export interface Summary {
  readonly cases: number;
  readonly outcome: number;
  readonly category: number;
  readonly macroF1: number;
  /** Over all cases: a healthy one must have none. */
  readonly rootCause: number;
  readonly rootCauseContained: number;
  /** Only over cases that have one, which is harder. */
  readonly rootCauseWhereAny: number;
  readonly numbers: Readonly<Record<NumberName, number>>;
  /** Only over cases whose label is a number. */
  readonly numbersWhereAny: Readonly<Record<NumberName, number>>;
}

/** Shares from 0 to 1; NaN where there is nothing to count. */
export function summarise(scores: readonly CaseScore[]): Summary {
  const share = (of: readonly CaseScore[], hit: (score: CaseScore) => boolean): number =>
    of.filter(hit).length / of.length;
  const withCause = scores.filter(({ case: one }) => one.expect.root_cause_line !== null);
  const perNumber = (
    of: (name: NumberName) => readonly CaseScore[],
  ): Record<NumberName, number> => {
    const result = { step: 0, total: 0, loss: 0, lr: 0, speed: 0 };
    for (const name of numberNames) result[name] = share(of(name), ({ numbers }) => numbers[name]);
    return result;
  };
  return {
    cases: scores.length,
    outcome: share(scores, ({ outcome }) => outcome),
    category: share(scores, ({ category }) => category),
    macroF1: macroF1(scores),
    rootCause: share(scores, ({ rootCause }) => rootCause),
    rootCauseContained: share(scores, ({ rootCauseContained }) => rootCauseContained),
    rootCauseWhereAny: share(withCause, ({ rootCause }) => rootCause),
    numbers: perNumber(() => scores),
    numbersWhereAny: perNumber((name) =>
      scores.filter(({ case: one }) => one.expect[labelOf[name]] !== null),
    ),
  };
}

/** Of every category that a label names: precision and recall weigh the same, and a rare category as much as a common one. */
function macroF1(scores: readonly CaseScore[]): number {
  const categories = new Set(scores.map(({ case: one }) => one.expect.category));
  let sum = 0;
  for (const category of categories) {
    const hits = scores.filter((one) => one.category && one.report.category === category).length;
    const named = scores.filter(({ report }) => report.category === category).length;
    const labelled = scores.filter(({ case: one }) => one.expect.category === category).length;
    sum += hits === 0 ? 0 : (2 * hits) / (named + labelled);
  }
  return sum / categories.size;
}

const labelOf = {
  step: "last_step",
  total: "total_steps",
  loss: "last_loss",
  lr: "last_lr",
  speed: "last_speed_it_s",
} as const satisfies Record<NumberName, keyof LogCase["expect"]>;
