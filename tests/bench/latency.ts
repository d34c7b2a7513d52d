import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pictures, startTrainyard, terminal } from "../support/trainyard.ts";
import { percentile, printFigure } from "./figures.ts";

/**
 * From the moment the trainer finished a step (its own truth file, same clock) to the moment a caller that asks all the time
 * sees that step in get-training-status.
 */
export async function benchLatency(): Promise<void> {
  const trainyard = await startTrainyard({
    env: { TRAINYARD_TINY_STEP_DELAY_MS: "430", TRAINYARD_TINY_PIXELS: "256" },
  });
  await trainyard.upload("latency", await pictures(40));
  await trainyard.call("create-training-config", {
    name: "latency",
    model_name: "tiny",
    dataset_path: "latency",
    steps: 120,
    disable_sampling: true,
  });
  const started = await trainyard.call("start-training", { config_name: "latency" });
  const jobId = String(started.data["job_id"]);
  const seenAtMs = new Map<number, number>();
  for (;;) {
    const status = await trainyard.call("get-training-status", {
      job_id: jobId,
      detail: "concise",
    });
    const step = status.data["current_step"] as number | null;
    if (step !== null && !seenAtMs.has(step)) seenAtMs.set(step, Date.now());
    if (terminal.has(String(status.data["status"]))) break;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  const latencies: number[] = [];
  for (const line of readFileSync(
    join(trainyard.home, "jobs", jobId, "1", "truth.jsonl"),
    "utf8",
  ).split("\n")) {
    if (line === "") continue;
    const entry = JSON.parse(line) as { t: string; step: number; at_ms: number };
    // Completed count n shows the end of loop index n - 1. The first seconds belong to the start, not to the lane.
    const seen = entry.t === "step" && entry.step > 5 ? seenAtMs.get(entry.step + 1) : undefined;
    if (seen !== undefined) latencies.push(seen - entry.at_ms);
  }
  await trainyard.close();
  printFigure({
    name: "step done to visible while watched, p50",
    unit: "ms",
    values: [percentile(latencies, 0.5)],
    goal: { kind: "at most", value: 300 },
    note: `${latencies.length} steps seen at 2.3 steps/s`,
  });
  printFigure({
    name: "step done to visible while watched, p99",
    unit: "ms",
    values: [percentile(latencies, 0.99)],
    goal: { kind: "at most", value: 1_500 },
  });
}
