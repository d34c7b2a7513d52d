import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { defaultGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { fromWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Item, StateItem } from "@trainyard/shared/protocol/items.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { linuxProcesses } from "../../../gpu-agent/jobs/process-identity.ts";
import { onTestFinished } from "vitest";

export async function makeDataset(home: string, name: string): Promise<void> {
  const folder = join(home, "datasets", name);
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < 2; i += 1) {
    const picture = sharp({
      create: { width: 16, height: 16, channels: 3, background: { r: 200 * i, g: 90, b: 40 } },
    });
    writeFileSync(join(folder, `picture${i}.png`), await picture.png().toBuffer());
    writeFileSync(join(folder, `picture${i}.txt`), `a colour ${i}`);
  }
}

export function tinyStart(options: {
  steps: number;
  saveEvery?: number;
  lr?: number;
  jobId?: string;
  attempt?: number;
  jobName?: string;
  lossLog?: boolean;
}): OperationArgs<"start-attempt"> {
  const jobName = options.jobName ?? "tinyjob";
  return {
    jobId: options.jobId ?? newJobId(),
    attempt: options.attempt ?? 1,
    jobName,
    trainer: "tiny",
    slot: "cpu",
    totalSteps: options.steps,
    guardrails: defaultGuardrailRules,
    document: {
      job: "extension",
      config: {
        name: jobName,
        process: [
          {
            type: "sd_trainer",
            training_folder: "outputs",
            model: { name_or_path: "tiny" },
            network: { type: "lora", linear: 4 },
            save: { save_every: options.saveEvery ?? 1000, max_step_saves_to_keep: 3 },
            datasets: [{ folder_path: "datasets/colours", resolution: [16] }],
            train: {
              steps: options.steps,
              lr: options.lr ?? 1e-4,
              batch_size: 1,
              skip_first_sample: true,
            },
            sample: { sample_every: 1000, prompts: ["a colour 1"], width: 16, height: 16 },
            ...(options.lossLog === false ? { logging: { use_ui_logger: false } } : {}),
          },
        ],
      },
      meta: { name: "[name]", version: "1.0" },
    },
  };
}

export const states = (items: readonly Item[]): StateItem[] =>
  items.filter((item) => item.kind === "state");

export const lastState = (items: readonly Item[]): StateItem | null => states(items).at(-1) ?? null;

export function series(
  items: readonly Item[],
  key: string,
): { step: number; value: number | null }[] {
  return items.flatMap((item) =>
    item.kind === "metrics"
      ? item.steps.map((step, i) => ({ step, value: fromWireValue(item.values[key]?.[i] ?? null) }))
      : [],
  );
}

/** What really happened, as the trainer itself wrote it down. */
export function truthOf(
  home: string,
  jobId: string,
  attempt = 1,
): { step: number; value: number }[] {
  const path = join(home, "jobs", jobId, String(attempt), "truth.jsonl");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { t: string; step: number; loss: number | "NaN" })
    .filter((fact) => fact.t === "step")
    .map((fact) => ({ step: fact.step, value: Number(fact.loss) }));
}

export function trainersOf(jobId: string, attempt = 1): number[] {
  const view = linuxProcesses();
  return view
    .withEnvironment(`TRAINYARD_ATTEMPT=${jobId}/${attempt}`)
    .filter((pid) => readCommand(pid).some((part) => part.endsWith("config.json")));
}

function readCommand(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Whatever a failing test leaves running is ended with it. */
export function endTrainersAfterTest(jobId: string, attempt = 1): void {
  onTestFinished(() => {
    for (const pid of linuxProcesses().withEnvironment(`TRAINYARD_ATTEMPT=${jobId}/${attempt}`)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Ended meanwhile.
      }
    }
  });
}
