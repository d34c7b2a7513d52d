import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { zeroAdapter } from "./adapter.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { ConfigError, readConfig } from "./config.ts";
import { DatasetError } from "./images.ts";
import { JobStopped, openJobRow, type JobRow } from "./job-row.ts";
import type { LossLog } from "./loss-log.ts";
import { createNetwork } from "./network.ts";
import { printFailure, printStart, printStopped, processOutput } from "./output.ts";
import { extensionOf, renderSample } from "./sampler.ts";
import { train } from "./train.ts";
import { openTruth, type Truth } from "./truth.ts";

/** About 60 ms a step on one core of 2026. Fewer are faster and end blurrier. */
const defaultPixelsPerStep = 1024;

const usage = `usage: main.ts CONFIG
       main.ts --render ADAPTER --config CONFIG --prompt-index N --out FILE [--zero]
`;

/** Runs what the command line asks for; returns the exit code. Being asked to stop is 1 there, as a failure is: AI Toolkit does so. */
export async function runCommandLine(): Promise<number> {
  // One picture at a time: libvips' own threads and cache would only cost memory.
  sharp.concurrency(1);
  sharp.cache(false);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      render: { type: "string" },
      config: { type: "string" },
      "prompt-index": { type: "string" },
      out: { type: "string" },
      zero: { type: "boolean" },
    },
  });
  if (values.render !== undefined && values.config !== undefined && values.out !== undefined) {
    await render({
      adapterPath: values.render,
      configPath: values.config,
      promptIndex: Number(values["prompt-index"] ?? 0),
      outPath: values.out,
      zero: values.zero === true,
    });
    return 0;
  }
  const [configPath] = positionals;
  if (configPath === undefined || positionals.length !== 1) {
    processOutput.bar(usage);
    return 2;
  }
  return runJob(configPath);
}

async function runJob(configPath: string): Promise<number> {
  const truthFile = process.env["TRAINYARD_TRUTH_FILE"];
  let truth: Truth | undefined = truthFile ? openTruth(truthFile) : undefined;
  let lossLog: LossLog | undefined;
  let row: JobRow | undefined;
  process.on("SIGINT", () => {
    // AI Toolkit loses what its logger has not written yet; here the series goes as far as the training did.
    try {
      lossLog?.close();
      row?.status("stopped", "Job stopped");
    } catch {
      // A full disk: the stop goes on without these rows.
    }
    printStopped(processOutput);
    truth?.write({ t: "end", how: "sigint" });
    process.exit(0);
  });
  try {
    const config = readConfig(configPath);
    printStart(processOutput, config.name, config.process);
    row = openJobRow(config.jobTable, process.env["AITK_JOB_ID"]?.trim());
    row.status("running", "Starting");
    mkdirSync(config.outputFolder, { recursive: true });
    truth ??= openTruth(join(config.outputFolder, "truth.jsonl"));
    await train(
      config,
      {
        pixelsPerStep: evenAtLeastTwo(
          environmentNumber("TRAINYARD_TINY_PIXELS", defaultPixelsPerStep),
        ),
        stepDelayMs: environmentNumber("TRAINYARD_TINY_STEP_DELAY_MS", 0),
        printTimers: process.env["IS_AI_TOOLKIT_UI"] !== "1",
      },
      {
        out: processOutput,
        truth,
        row,
        onLossLog: (opened) => {
          lossLog = opened;
        },
      },
    );
    truth.write({ t: "end", how: "completed" });
    return 0;
  } catch (error) {
    const stopped = error instanceof JobStopped;
    if (!stopped) row?.status("error", failureText(error));
    printFailure(processOutput, {
      message: failureText(error),
      kind: stopped ? "Exception" : error instanceof DatasetError ? error.kind : "RuntimeError",
      beforeJob: error instanceof ConfigError,
    });
    truth?.write({ t: "end", how: stopped ? "asked" : "error" });
    return 1;
  } finally {
    row?.close();
  }
}

/** Loads a saved adapter and draws one prompt by the code that draws samples: what was saved is what was seen. */
async function render(work: {
  readonly adapterPath: string;
  readonly configPath: string;
  readonly promptIndex: number;
  readonly outPath: string;
  readonly zero: boolean;
}): Promise<void> {
  const config = readConfig(work.configPath);
  const { adapter } = readCheckpoint(work.adapterPath);
  const sample = config.prompts[work.promptIndex];
  if (!sample) throw new Error(`the config has no prompt ${work.promptIndex}`);
  const picture = await renderSample(
    createNetwork(defaultPixelsPerStep),
    work.zero ? zeroAdapter(adapter.rank) : adapter,
    { sample, resolution: config.resolution, extension: extensionOf(work.outPath) },
  );
  writeFileSync(work.outPath, picture);
}

/** A full disk in Python's words: it is the one failure of the system that readers of the log look for. */
function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isDiskFull = "code" in error && error.code === "ENOSPC";
  return isDiskFull ? "[Errno 28] No space left on device" : error.message;
}

function environmentNumber(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? "");
  return Number.isFinite(value) && value > 0 ? value : fallback;
}

function evenAtLeastTwo(value: number): number {
  return Math.max(2, Math.ceil(value / 2) * 2);
}
