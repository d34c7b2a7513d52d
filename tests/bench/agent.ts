import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pictures, startTrainyard, until } from "../support/trainyard.ts";
import { printFigure } from "./figures.ts";
import { cpuSeconds, residentMib } from "./process-cost.ts";

const windowSeconds = 10;
const windows = 4;

/** The resident agent beside a training that repaints its bar ten times a second. */
export async function benchAgent(): Promise<void> {
  const trainyard = await startTrainyard({
    env: { TRAINYARD_TINY_STEP_DELAY_MS: "180", TRAINYARD_TINY_PIXELS: "64" },
  });
  await trainyard.upload("agent", await pictures(90));
  await trainyard.call("create-training-config", {
    name: "agent",
    model_name: "tiny",
    dataset_path: "agent",
    steps: 5_000,
    disable_sampling: true,
  });
  const started = await trainyard.call("start-training", { config_name: "agent" });
  const jobId = started.data["job_id"];
  // From the trainer's own file: asking for the status would open the live lane that the first figure is without.
  const truth = join(trainyard.home, "jobs", String(jobId), "1", "truth.jsonl");
  const step = async (): Promise<number> =>
    existsSync(truth) ? readFileSync(truth, "utf8").split('"t":"step"').length - 1 : 0;
  await until("some steps", async () => (await step()) > 10);
  const { agent } = trainyard.pids();

  const measure = async (): Promise<{ cpu: number[]; memory: number[]; steps: number }> => {
    const cpu: number[] = [];
    const memory: number[] = [];
    const before = await step();
    const at = performance.now();
    for (let i = 0; i < windows; i += 1) {
      const used = cpuSeconds(agent);
      const windowAt = performance.now();
      await new Promise((resolve) => setTimeout(resolve, windowSeconds * 1_000));
      cpu.push(((cpuSeconds(agent) - used) / ((performance.now() - windowAt) / 1_000)) * 100);
      memory.push(residentMib(agent));
    }
    return { cpu, memory, steps: ((await step()) - before) / ((performance.now() - at) / 1_000) };
  };

  const idle = await measure();
  const note = `at ${(idle.steps * 2).toFixed(1)} redraws/s`;
  printFigure({
    name: "agent CPU, nobody watches",
    unit: "% of a core",
    values: idle.cpu,
    goal: { kind: "at most", value: 1 },
    note,
  });
  printFigure({
    name: "agent memory",
    unit: "MiB resident",
    values: idle.memory,
    goal: { kind: "at most", value: 100 },
  });
  await trainyard.call("get-training-status", { job_id: jobId });
  const watched = await measure();
  printFigure({ name: "agent CPU, watched", unit: "% of a core", values: watched.cpu });
  await trainyard.call("stop-training", { job_id: jobId, mode: "now" });
  await trainyard.close();
}
