import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import sharp from "sharp";
import { openBar, type Bar } from "./bar.ts";
import { captionGates } from "./conditioning.ts";
import { withTrigger, type DatasetConfig, type TinyConfig } from "./config.ts";
import type { Output } from "./output.ts";

/** What Python calls the fault; printed at the end of the traceback. */
export class DatasetError extends Error {
  readonly kind: "AssertionError" | "FileNotFoundError";
  constructor(kind: "AssertionError" | "FileNotFoundError", message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface TrainingImage {
  readonly path: string;
  readonly caption: string;
  readonly gates: Float32Array;
  /** Three colours in -1..1 per pixel, `resolution` × `resolution`. */
  readonly pixels: Float32Array;
}

const imageExtensions = new Set([".jpg", ".jpeg", ".png", ".webp"]);

/** Decodes every image of every dataset into memory, printing what AI Toolkit prints on the way. */
export async function loadImages(config: TinyConfig, out: Output): Promise<TrainingImage[]> {
  const images: TrainingImage[] = [];
  for (const dataset of config.datasets) images.push(...(await loadDataset(dataset, config, out)));
  if (images.length === 0) throw new DatasetError("AssertionError", "no images found in None");
  return images;
}

async function loadDataset(
  dataset: DatasetConfig,
  config: TinyConfig,
  out: Output,
): Promise<TrainingImage[]> {
  const { folder } = dataset;
  out.line(`Dataset: ${folder}`);
  const paths = imagePaths(folder);
  out.line("  -  Preprocessing image dimensions");
  const images: TrainingImage[] = [];
  const bar = datasetBar(paths.length, out);
  for (const path of paths) {
    try {
      images.push(await loadImage(path, dataset, config));
    } catch (error) {
      out.bar(`Traceback (most recent call last):\n${String(error)}\n`);
      out.line(`Error processing image: ${path}`);
    }
    bar.advance();
  }
  bar.close();
  out.line(`  -  Found ${images.length} images`);
  if (images.length === 0) {
    throw new DatasetError("AssertionError", `no images found in ${folder}`);
  }

  out.line(`Bucket sizes for ${folder}:`);
  out.line(`${config.resolution}x${config.resolution}: ${images.length} files`);
  out.line("1 buckets made");
  out.line(`Caching latents for ${folder}`);
  out.line(" - Keeping latents in memory");
  return images;
}

/** tqdm without a name, as in the pass over image dimensions. */
function datasetBar(total: number, out: Output): Bar {
  return openBar({ name: "", total, write: out.bar, nowMs: () => performance.now() });
}

/** Sorted, so that the order in the folder does not change the curve. */
function imagePaths(folder: string): string[] {
  let isFolder = false;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch {
    // Reported below: AI Toolkit says the same of a missing folder and of one it may not enter.
  }
  if (!isFolder) {
    throw new DatasetError("FileNotFoundError", `[Errno 2] No such file or directory: '${folder}'`);
  }
  const found: string[] = [];
  const walk = (parent: string): void => {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const path = join(parent, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== "_controls") walk(path);
      } else if (imageExtensions.has(extname(entry.name).toLowerCase())) found.push(path);
    }
  };
  walk(folder);
  return found.sort();
}

async function loadImage(
  path: string,
  dataset: DatasetConfig,
  config: TinyConfig,
): Promise<TrainingImage> {
  const side = config.resolution;
  const bytes = await sharp(path, { failOn: "error" })
    .autoOrient()
    .resize(side, side, { fit: "cover" })
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer();
  const caption = captionOf(path, dataset, config.triggerWord);
  return {
    path,
    caption,
    gates: captionGates(caption),
    pixels: Float32Array.from(bytes, (byte) => byte / 127.5 - 1),
  };
}

function captionOf(path: string, dataset: DatasetConfig, triggerWord: string): string {
  let caption = "";
  try {
    const stem = path.slice(0, -extname(path).length);
    caption = readFileSync(`${stem}${dataset.captionExtension}`, "utf8").trim();
  } catch {
    // No caption file: the default stands in, as for a blank one.
  }
  const filled = withTrigger(caption || dataset.defaultCaption, triggerWord);
  if (triggerWord === "" || filled.includes(triggerWord)) return filled;
  return `${triggerWord} ${filled}`.trim();
}
