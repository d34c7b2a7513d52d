import { runningHead } from "../support/scripted-agent.ts";
import { percentile, printFigure } from "./figures.ts";
import { startScriptedEdge } from "./scripted-edge.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";

const short = 5_000;
const long = 5_000_000;
const calls = 50;
const warmUp = 5;
const pointsPerItem = 500;
const itemsPerFrame = 4;
const windowFrames = 4;
const startMs = 1_790_000_000_000;

/**
 * A full report at the HTTP door for a job of 5,000 and of 5,000,000 steps: both went through the real link, in the items a
 * box sends when it catches up. The earlier system's report took 0.17 to 3.7 s and grew with the log.
 */
export async function benchAnalysisReport(): Promise<void> {
  const small = await measure(short);
  const large = await measure(long);
  for (const [steps, one] of [
    [short, small],
    [long, large],
  ] as const) {
    printFigure({
      name: `report, job of ${steps.toLocaleString("en")} steps`,
      unit: "ms",
      values: one.report,
      goal: { kind: "at most", value: 30 },
      note: `p95 ${percentile(one.report, 0.95).toFixed(1)} ms, ${one.characters.toLocaleString("en")} characters`,
    });
    printFigure({
      name: `export of ${steps.toLocaleString("en")} steps, three files with charts`,
      unit: "ms",
      values: one.export,
    });
  }
  printFigure({
    name: "report, 5,000,000 steps against 5,000",
    unit: "times",
    values: [percentile(large.report, 0.5) / percentile(small.report, 0.5)],
    goal: { kind: "at most", value: 1.3 },
  });
  printFigure({
    name: "taking the 5,000,000 steps in, aggregates kept",
    unit: "points/s",
    values: [large.ingestRate],
  });
}

interface Measured {
  readonly report: readonly number[];
  readonly export: readonly number[];
  readonly characters: number;
  readonly ingestRate: number;
}

async function measure(steps: number): Promise<Measured> {
  const edge = await startScriptedEdge();
  try {
    const beganAt = performance.now();
    await ingest(edge, steps);
    const ingestRate = steps / ((performance.now() - beganAt) / 1_000);
    const ask = async (
      tool: string,
    ): Promise<{ readonly ms: number; readonly characters: number }> => {
      const from = performance.now();
      const data = await edge.call(tool, { job_id: edge.jobId });
      const ms = performance.now() - from;
      // A figure of an answer that is not the whole report would be worth nothing.
      if (tool === "get-training-observability" && data["quality_analysis"].loss.count !== steps) {
        throw new Error(`the report saw ${data["quality_analysis"].loss.count} of ${steps} losses`);
      }
      return { ms, characters: JSON.stringify(data).length };
    };
    const report: number[] = [];
    let characters = 0;
    for (let i = 0; i < warmUp + calls; i += 1) {
      const one = await ask("get-training-observability");
      characters = one.characters;
      if (i >= warmUp) report.push(one.ms);
    }
    const exports: number[] = [];
    for (let i = 0; i < 5; i += 1) exports.push((await ask("export-observability-report")).ms);
    return { report, export: exports, characters, ingestRate };
  } finally {
    await edge.close();
  }
}

/** Frames are written while they are sent: five million points at once do not fit into memory. */
async function ingest(edge: ScriptedEdge, steps: number): Promise<void> {
  const items = Math.ceil(steps / pointsPerItem);
  const frames = Math.ceil(items / itemsPerFrame);
  const end = Promise.withResolvers<void>();
  let sent = 0;
  const send = (): void => {
    if (sent >= frames) return;
    const first = sent * itemsPerFrame;
    const some = Array.from({ length: Math.min(itemsPerFrame, items - first) }, (_, i) =>
      item(first + i, steps),
    );
    sent += 1;
    const currentStep = Math.min(steps, (first + some.length) * pointsPerItem);
    edge.agent.sendText(
      JSON.stringify({
        type: "events",
        epoch: edge.agent.epoch,
        jobId: edge.jobId,
        attempt: 1,
        from: first + 1,
        items: some,
        head: {
          ...runningHead,
          currentStep,
          totalSteps: steps,
          observedAtMs: startMs + currentStep * 500,
        },
      }),
    );
  };
  edge.agent.onMessage((message) => {
    if (message.type !== "ack") return;
    if (message.upTo === items) end.resolve();
    send();
  });
  for (let i = 0; i < windowFrames; i += 1) send();
  await end.promise;
}

function item(number: number, total: number) {
  const from = number * pointsPerItem;
  const steps = Array.from({ length: Math.min(pointsPerItem, total - from) }, (_, i) => from + i);
  return {
    kind: "metrics",
    steps,
    atMs: steps.map((step) => startMs + step * 500),
    values: {
      loss: steps.map((step) => loss(step, total)),
      lr: steps.map(() => 1e-4),
    },
  };
}

/** Falls by a fifth over the run, under scatter that needs no seed. */
function loss(step: number, total: number): number {
  const scatter = Math.sin(step * 12.9898) * 43_758.5453;
  const noise = (scatter - Math.floor(scatter) - 0.5) * 1.2;
  return Number((0.4 * 0.8 ** (step / total) * Math.exp(noise)).toPrecision(6));
}

if (process.argv[1]?.endsWith("analysis-report.ts") === true) await benchAnalysisReport();
