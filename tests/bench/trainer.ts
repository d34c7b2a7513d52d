import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pictures, root, startTrainyard, untilEnded } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";
import { percentile, printFigure } from "./figures.ts";

const pairs = 5;
const steps = 150;

/** The same training alone and under Trainyard, in turn, so that both see the same machine. */
export async function benchTrainer(): Promise<void> {
  const trainyard = await startTrainyard();
  const dataset = await pictures(150);
  await trainyard.upload("speed", dataset);
  const alone: number[] = [];
  const together: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    alone.push(await runAlone(trainyard));
    together.push(await runUnderTrainyard(trainyard, pair));
  }
  await trainyard.close();
  printFigure({ name: "tiny alone", unit: "steps/s", values: alone });
  printFigure({ name: "tiny under Trainyard", unit: "steps/s", values: together });
  printFigure({
    name: "share kept",
    unit: "%",
    values: [(percentile(together, 0.5) / percentile(alone, 0.5)) * 100],
    goal: { kind: "at least", value: 99.5 },
    note: "medians of the paired runs",
  });
}

async function runUnderTrainyard(trainyard: Trainyard, pair: number): Promise<number> {
  const name = `speed-${pair}`;
  await trainyard.call("create-training-config", {
    name,
    model_name: "tiny",
    dataset_path: "speed",
    steps,
    disable_sampling: true,
  });
  const started = await trainyard.call("start-training", { config_name: name });
  const jobId = String(started.data["job_id"]);
  await untilEnded(trainyard, jobId);
  return stepsPerSecond(join(trainyard.home, "jobs", jobId, "1", "truth.jsonl"));
}

async function runAlone(trainyard: Trainyard): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "ty-alone-"));
  mkdirSync(join(folder, "out"));
  const config = {
    job: "extension",
    config: {
      name: "alone",
      process: [
        {
          type: "diffusion_trainer",
          training_folder: join(folder, "out"),
          network: { type: "lora", linear: 32 },
          save: { save_every: 1_000 },
          datasets: [
            {
              folder_path: join(trainyard.home, "datasets", "speed"),
              caption_ext: "txt",
              resolution: [64],
            },
          ],
          train: { steps, lr: 1e-4, batch_size: 1, disable_sampling: true },
          model: { name_or_path: "tiny", arch: "tiny" },
          sample: { sample_every: 1_000, samples: [] },
          logging: { log_every: 1, use_ui_logger: true },
        },
      ],
    },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const truth = join(folder, "truth.jsonl");
  await new Promise((resolve) => {
    spawn(process.execPath, [join(root, "dist", "agent", "tiny.js"), join(folder, "config.json")], {
      stdio: "ignore",
      env: { ...process.env, TRAINYARD_TRUTH_FILE: truth },
    }).once("exit", resolve);
  });
  const rate = stepsPerSecond(truth);
  rmSync(folder, { recursive: true, force: true });
  return rate;
}

function stepsPerSecond(truth: string): number {
  const times = readFileSync(truth, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { t: string; at_ms: number })
    .filter((entry) => entry.t === "step")
    .map((entry) => entry.at_ms);
  return (times.length - 1) / (((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000);
}
