/**
 * Trainyard's tiny trainer: a small real trainer in plain Node, for trying and testing without a GPU.
 *
 * It is conditional image reconstruction, NOT diffusion: a small fixed random network maps a pixel's position, gated by
 * the caption's words, to a colour; low-rank adapters on its four layers are trained with Adam until it draws the
 * dataset's images. It shows real learning on real data, and only on the images it was given.
 *
 * It reads AI Toolkit's config document, prints AI Toolkit's lines and writes AI Toolkit's files, so that everything
 * around it is exercised as with the real trainer.
 *
 *   node main.ts /abs/config.json
 *   node main.ts --render adapter.safetensors --config config.json --prompt-index 0 --out picture.png [--zero]
 *
 * Environment:
 *   TRAINYARD_TRUTH_FILE          where facts are appended as JSON lines; default <output folder>/truth.jsonl
 *   TRAINYARD_TINY_STEP_DELAY_MS  waited after every step (a fraction is allowed), for a run that must last
 *   TRAINYARD_TINY_PIXELS         pixels per step, for a run that must be fast
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { zeroAdapter } from "./adapter.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { ConfigError, readConfig } from "./config.ts";
import { DatasetError } from "./images.ts";
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

async function main(): Promise<number> {
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
  process.on("SIGINT", () => {
    printStopped(processOutput);
    truth?.write({ t: "end", how: "sigint" });
    process.exit(0);
  });
  try {
    const config = readConfig(configPath);
    printStart(processOutput, config.name, config.process);
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
      { out: processOutput, truth },
    );
    truth.write({ t: "end", how: "completed" });
    return 0;
  } catch (error) {
    printFailure(processOutput, {
      message: failureText(error),
      kind: error instanceof DatasetError ? error.kind : "RuntimeError",
      beforeJob: error instanceof ConfigError,
    });
    truth?.write({ t: "end", how: "error" });
    return 1;
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

process.exitCode = await main();
