/**
 * How often the judge of the loss calls a trend that is not there, and misses one that is, beside the earlier systems'
 * rule (first loss against last, more than 10 %). The rule was tuned on seeds 1 to 1000; seeds 5001 to 6000 were only ever
 * printed. Run: `npm run bench:analysis -- trend`.
 */
import { addLosses, emptyLoss } from "@trainyard/shared/analysis/loss/loss-aggregate.ts";
import { judgeLossTrend } from "@trainyard/shared/analysis/loss/loss-trend.ts";
import type { TrendVerdict } from "@trainyard/shared/analysis/loss/loss-trend.ts";
import { buildReport, defaultReportInputs } from "@trainyard/shared/analysis/report/report.ts";
import { courses, noises, simulatedLosses, white } from "../support/loss-noise.ts";
import type { Course, Noise } from "../support/loss-noise.ts";
import { healthyRun, nowMs } from "../support/run-facts.ts";
import { percentile } from "./figures.ts";

export interface TrendFigures {
  readonly noise: string;
  readonly course: string;
  readonly fallingPct: number;
  readonly risingPct: number;
  readonly flatPct: number;
  readonly unknownPct: number;
  readonly peerImprovingPct: number;
  readonly peerRegressingPct: number;
}

export function measureTrend(
  noise: readonly [string, Noise],
  course: readonly [string, Course],
  seeds: { readonly from: number; readonly to: number },
  points = 2_000,
): TrendFigures {
  const counts: Record<TrendVerdict, number> = { falling: 0, rising: 0, flat: 0, unknown: 0 };
  const peer = { improving: 0, regressing: 0, flat: 0 };
  for (let seed = seeds.from; seed <= seeds.to; seed += 1) {
    const losses = simulatedLosses(noise[1], course[1], seed, points);
    const steps = losses.map((_, step) => step);
    counts[judgeLossTrend(addLosses(emptyLoss, steps, losses)).verdict] += 1;
    peer[peerTrend(losses)] += 1;
  }
  const share = (n: number) => Math.round((1_000 * n) / (seeds.to - seeds.from + 1)) / 10;
  return {
    noise: noise[0],
    course: course[0],
    fallingPct: share(counts.falling),
    risingPct: share(counts.rising),
    flatPct: share(counts.flat),
    unknownPct: share(counts.unknown),
    peerImprovingPct: share(peer.improving),
    peerRegressingPct: share(peer.regressing),
  };
}

/** Peers 2.1: (first − last) / |first| over the last 500 losses. */
function peerTrend(losses: readonly number[]): "improving" | "regressing" | "flat" {
  const tail = losses.slice(-500);
  const [first, last] = [tail[0] as number, tail.at(-1) as number];
  const improvementPct = (100 * (first - last)) / Math.abs(first);
  if (improvementPct > 10) return "improving";
  return improvementPct < -10 ? "regressing" : "flat";
}

function table(title: string, rows: readonly TrendFigures[]): void {
  process.stdout.write(`\n${title}\n\n`);
  process.stdout.write(
    "| noise | course | falling | rising | flat | unknown | peer: improving | peer: regressing |\n" +
      "| --- | --- | --: | --: | --: | --: | --: | --: |\n",
  );
  for (const row of rows) {
    process.stdout.write(
      `| ${row.noise} | ${row.course} | ${row.fallingPct} % | ${row.risingPct} % | ${row.flatPct} % | ` +
        `${row.unknownPct} % | ${row.peerImprovingPct} % | ${row.peerRegressingPct} % |\n`,
    );
  }
}

/** The pure part of a report, and of ingesting a point, after few and after many steps. */
function costs(): void {
  process.stdout.write("\nCost of judging, one core\n\n");
  for (const points of [5_000, 5_000_000]) {
    const began = performance.now();
    let loss = emptyLoss;
    for (let from = 0; from < points; from += 500) {
      const steps = Array.from({ length: 500 }, (_, i) => from + i);
      loss = addLosses(
        loss,
        steps,
        steps.map((step) => 0.1 + 0.05 * Math.sin(step * 1.7)),
      );
    }
    const perPoint = (1_000 * (performance.now() - began)) / points;
    const facts = healthyRun({ loss });
    const times = Array.from({ length: 300 }, () => {
      const start = performance.now();
      JSON.stringify(buildReport(facts, { nowMs, inputs: defaultReportInputs }));
      return performance.now() - start;
    });
    process.stdout.write(
      `${points.toLocaleString("en")} steps: report ${percentile(times, 0.5).toFixed(2)} ms p50, ${percentile(times, 0.95).toFixed(2)} ms p95; ` +
        `${perPoint.toFixed(2)} µs a point in frames of 500; aggregate ${JSON.stringify(loss).length} bytes\n`,
    );
  }
}

/** Prints the cost of a report, and how often a trend is seen where none is and found where one is. */
export function benchAnalysisTrend(count = 1_000): void {
  costs();
  for (const from of [1, 5_001]) {
    const seeds = { from, to: from + count - 1 };
    const rows = Object.entries(noises).flatMap((noise) =>
      Object.entries(courses).map((course) => measureTrend(noise, course, seeds)),
    );
    table(`2,000 steps, seeds ${seeds.from} to ${seeds.to}`, rows);
    const scatters = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8].map((sd) => {
      const noise = [`white, sd ${sd}`, white(sd)] as const;
      return measureTrend(noise, ["20 % fall", courses["20 % fall"]], seeds);
    });
    table(`At which scatter a fall of 20 % is found, seeds ${seeds.from} to ${seeds.to}`, scatters);
    const lengths = [300, 1_000, 5_000, 20_000].flatMap((points) =>
      (["flat", "flat after a warm-up", "20 % fall"] as const).map((name) => {
        const few = { from, to: from + Math.ceil(count / (points > 4_000 ? 10 : 2)) - 1 };
        const noise = [`white, sd 0.5, ${points} steps`, noises["white, sd 0.5"]] as const;
        return measureTrend(noise, [name, courses[name]], few, points);
      }),
    );
    table(`Other lengths (fewer seeds), from seed ${from}`, lengths);
  }
}
