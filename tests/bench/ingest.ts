import { runningHead } from "../support/scripted-agent.ts";
import { printFigure } from "./figures.ts";
import { startScriptedEdge } from "./scripted-edge.ts";

const pointsPerFrame = 500;
const frames = 1_000;
const windowFrames = 4;
const runs = 3;

/** One job flooded through the real link: JSON frames, Hub, Job, one transaction a frame, ack after the commit. */
export async function benchIngest(): Promise<void> {
  const rates: number[] = [];
  const baseline: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    baseline.push(await flood(1, 500));
    rates.push(await flood(pointsPerFrame, frames));
  }
  printFigure({ name: "ingest, 1 point a frame (baseline)", unit: "points/s", values: baseline });
  printFigure({
    name: `ingest, ${pointsPerFrame} points a frame, window ${windowFrames}`,
    unit: "points/s",
    values: rates,
    goal: { kind: "at least", value: 300_000 },
    note: "two columns, loss and lr",
  });
}

async function flood(points: number, count: number): Promise<number> {
  const edge = await startScriptedEdge();
  try {
    const texts = Array.from({ length: count }, (_, frame) =>
      JSON.stringify({
        type: "events",
        epoch: edge.agent.epoch,
        jobId: edge.jobId,
        attempt: 1,
        from: frame + 1,
        items: [
          {
            kind: "metrics",
            steps: Array.from({ length: points }, (_unused, i) => frame * points + i),
            atMs: Array.from(
              { length: points },
              (_unused, i) => 1_790_000_000_000 + frame * points + i,
            ),
            values: {
              loss: Array.from({ length: points }, (_unused, i) =>
                Number((0.1 + ((frame * points + i) % 97) / 1_000).toPrecision(6)),
              ),
              lr: Array.from({ length: points }, () => 1e-4),
            },
          },
        ],
        head: {
          ...runningHead,
          currentStep: (frame + 1) * points,
          observedAtMs: 1_790_000_000_000 + frame,
        },
      }),
    );
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      let sent = 0;
      const send = (): void => {
        const text = texts[sent];
        if (text === undefined) return;
        sent += 1;
        edge.agent.sendText(text);
      };
      edge.agent.onMessage((message) => {
        if (message.type !== "ack") return;
        if (message.upTo === count) resolve();
        send();
      });
      for (let i = 0; i < windowFrames; i += 1) send();
    });
    return (points * count) / ((performance.now() - startedAt) / 1_000);
  } finally {
    await edge.close();
  }
}
