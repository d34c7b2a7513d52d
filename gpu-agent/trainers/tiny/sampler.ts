import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import sharp from "sharp";
import type { Adapter } from "./adapter.ts";
import { openBar } from "./bar.ts";
import { captionGates, FEATURES, positionFeatures } from "./conditioning.ts";
import type { SamplePrompt, TinyConfig } from "./config.ts";
import { OUTPUT_STRIDE, type Network } from "./network.ts";
import type { JobRow } from "./job-row.ts";
import type { Output } from "./output.ts";
import type { Truth } from "./truth.ts";

/**
 * The encoded picture for a prompt. The field is computed no finer than the training resolution, there is nothing
 * to see beyond it, and enlarged to the size that was asked for. A prompt always gives the same picture: there is no
 * noise to start from, so the sample seed has no meaning here.
 */
export async function renderSample(
  network: Network,
  adapter: Adapter,
  work: { readonly sample: SamplePrompt; readonly resolution: number; readonly extension: string },
): Promise<Buffer> {
  const { width, height } = work.sample;
  const shrink = Math.min(1, work.resolution / Math.max(width, height));
  const columns = Math.max(1, Math.round(width * shrink));
  const rows = Math.max(1, Math.round(height * shrink));
  network.merge(adapter);
  const pixels = await renderField(network, captionGates(work.sample.prompt), { columns, rows });
  const picture = sharp(pixels, { raw: { width: columns, height: rows, channels: 3 } });
  if (columns !== width || rows !== height) {
    picture.resize(width, height, { fit: "fill", kernel: "cubic" });
  }
  if (work.extension === "jpg" || work.extension === "jpeg") {
    return picture.jpeg({ quality: 95 }).toBuffer();
  }
  return work.extension === "webp"
    ? picture.webp({ quality: 95 }).toBuffer()
    : picture.png().toBuffer();
}

async function renderField(
  network: Network,
  gates: Float32Array,
  size: { readonly columns: number; readonly rows: number },
): Promise<Uint8ClampedArray> {
  const { columns, rows } = size;
  const total = columns * rows;
  // Clamped stores of NaN are 0: a broken adapter draws black, as a broken diffusion model does.
  const pixels = new Uint8ClampedArray(total * 3);
  for (let first = 0; first < total; first += network.maxRows) {
    const count = Math.min(network.maxRows, total - first);
    for (let at = 0; at < count; at++) {
      const x = ((first + at) % columns) + 0.5;
      const y = Math.floor((first + at) / columns) + 0.5;
      positionFeatures(network.features, at * FEATURES, x / columns, y / rows);
      network.rowGates[at] = gates;
    }
    network.forward(count);
    for (let at = 0; at < count; at++) {
      for (let colour = 0; colour < 3; colour++) {
        const value = network.colours[at * OUTPUT_STRIDE + colour]!;
        pixels[(first + at) * 3 + colour] = (value + 1) * 127.5;
      }
    }
    await nextTurn();
  }
  return pixels;
}

/** Renders and writes one picture per prompt; the file appears under its name only when it is whole. */
export async function writeSamples(
  work: {
    readonly config: TinyConfig;
    readonly network: Network;
    readonly adapter: Adapter;
    readonly step: number;
    /** The training bar is open, so this one is drawn a row lower. */
    readonly belowBar: boolean;
  },
  { out, truth, row }: { readonly out: Output; readonly truth: Truth; readonly row: JobRow },
): Promise<void> {
  const { config, network, adapter, step } = work;
  const total = config.prompts.length;
  row.stopIfAsked();
  row.status("running", `Generating images - 0/${total}`);
  const folder = join(config.outputFolder, "samples");
  const temporary = join(folder, ".tmp");
  mkdirSync(temporary, { recursive: true });
  const bar = openBar({
    name: "Generating Images",
    total,
    row: work.belowBar ? 1 : 0,
    leave: false,
    write: out.bar,
    nowMs: () => performance.now(),
  });
  for (const [index, sample] of config.prompts.entries()) {
    const bytes = await renderSample(network, adapter, {
      sample,
      resolution: config.resolution,
      extension: config.sampleFormat,
    });
    const name = `${Date.now()}__${String(step).padStart(9, "0")}_${index}.${config.sampleFormat}`;
    writeFileSync(join(temporary, name), bytes);
    renameSync(join(temporary, name), join(folder, name));
    truth.write({ t: "sample", step, index, path: join(folder, name) });
    bar.advance();
    row.stopIfAsked();
    row.status("running", `Generating images - ${index + 1}/${total}`);
  }
  bar.close();
  out.line();
  row.status("running", "Training");
}

/** The format that a file name asks for. */
export function extensionOf(path: string): string {
  return extname(path).slice(1).toLowerCase();
}
