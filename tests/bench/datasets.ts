// npm run bench:datasets: prints the figures of docs/datasets.md. Nothing here is a test.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { createDatasetScans } from "../../gpu-agent/datasets/dataset-scans.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { nearDuplicateGroups } from "../../shared/dataset/near-duplicates.ts";
import { perceptualHash, thumbnailSide } from "../../shared/dataset/perceptual-hash.ts";
import { drawn } from "../support/drawn-pictures.ts";
import { startTrainyard, until } from "../support/trainyard.ts";
import { printFigure } from "./figures.ts";
import { residentMib } from "./process-cost.ts";

const images = 4_000;
const kinds = 40;
const child = fileURLToPath(new URL("../../dist/agent/dataset-child.js", import.meta.url));

const loopWatch = fileURLToPath(new URL("watch-loop.mjs", import.meta.url));
const asked = process.argv.slice(2);
const parts: Readonly<Record<string, () => Promise<void>>> = {
  scan: benchScan,
  agent: benchAgent,
  alike: benchAlike,
};
console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}; ${images} generated images, 1024 x 768 JPEG and 640 x 480 PNG`,
);
for (const [name, part] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n# ${name}`);
  await part();
}

/** Every file differs in its bytes; drawing 4,000 pictures would take longer than looking at them. */
async function makeImages(folder: string, count: number): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const pictures = await Promise.all(
    Array.from({ length: kinds }, async (_, n) =>
      n % 10 === 9
        ? { extension: "png", bytes: await drawn(n, 640, 480).png().toBuffer() }
        : {
            extension: "jpg",
            bytes: await drawn(n, 1_024, 768).blur(0.6).jpeg({ quality: 92 }).toBuffer(),
          },
    ),
  );
  return Array.from({ length: count }, (_, n) => {
    const { extension, bytes } = pictures[n % kinds] as (typeof pictures)[number];
    const path = join(folder, `image-${String(n).padStart(5, "0")}.${extension}`);
    writeFileSync(path, Buffer.concat([bytes, Buffer.from(String(n))]));
    writeFileSync(path.replace(/\.\w+$/, ".txt"), `a drawing with ${n % kinds} in it, number ${n}`);
    return path;
  });
}

/** The child alone, against the same files decoded in a plain loop, each twice in turn. */
async function benchScan(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "ty-bench-"));
  const folder = join(home, "datasets", "bench");
  const paths = await makeImages(folder, images);
  sharp.cache(false);
  const plain: number[] = [];
  const scanned: number[] = [];
  const again: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const startedAt = performance.now();
    for (const path of paths) await sharp(path, { failOn: "error" }).raw().toBuffer();
    plain.push(images / ((performance.now() - startedAt) / 1_000));
    const scans = createDatasetScans({
      entry: child,
      index: join(home, `pictures-${turn}.db`),
      time: systemTime,
      log: () => undefined,
      gentle: () => false,
    });
    const look = async (): Promise<number> => {
      const at = performance.now();
      const { scan } = await scans.ask<"diagnosis">({
        want: "diagnosis",
        folder,
        virtualPath: "datasets/bench",
        maxFiles: images,
        waitMs: 600_000,
        triggerWord: null,
        resolutions: [512, 768, 1_024],
        sides: 16,
      });
      if (scan.state !== "done") throw new Error("the scan did not end");
      return (performance.now() - at) / 1_000;
    };
    scanned.push(images / (await look()));
    again.push(await look());
    scans.close();
  }
  rmSync(home, { recursive: true, force: true });
  printFigure({ name: "plain sharp decode loop", unit: "images/s", values: plain });
  printFigure({ name: "first scan, diagnosis included", unit: "images/s", values: scanned });
  printFigure({
    name: "first scan against the plain loop",
    unit: "%",
    values: scanned.map((rate, n) => (100 * rate) / (plain[n] ?? Number.NaN)),
    goal: { kind: "at least", value: 70 },
  });
  printFigure({ name: "second scan, nothing decoded", unit: "s", values: again });
}

/** The whole agent, asked through the edge, while its log says how late its event loop is. */
async function benchAgent(): Promise<void> {
  const trainyard = await startTrainyard({
    env: { TRAINYARD_LOG_LEVEL: "debug", NODE_OPTIONS: `--import ${loopWatch}` },
  });
  await makeImages(join(trainyard.home, "datasets", "bench"), images);
  const { agent } = trainyard.pids();
  const delays = join(trainyard.home, `loop-${agent}`);
  // What the machine itself does to a process that has nothing to do.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  const idle = lateness(delays);
  writeFileSync(delays, "");
  const before = residentMib(agent);
  const memory: number[] = [];
  const startedAt = performance.now();
  await until(
    "the scan's end",
    async () => {
      const { data, error } = await trainyard.call("analyze-dataset", {
        dataset_path: "bench",
        max_dataset_files: images,
      });
      memory.push(residentMib(agent));
      if (error !== null) throw new Error(error.code);
      return data["scan"].state === "done";
    },
    600_000,
  );
  printFigure({
    name: "agent asked through the edge until done",
    unit: "s",
    values: [(performance.now() - startedAt) / 1_000],
  });
  printFigure({ name: "agent memory before", unit: "MiB resident", values: [before] });
  printFigure({
    name: "agent memory meanwhile, most",
    unit: "MiB resident",
    values: [Math.max(...memory)],
    goal: { kind: "at most", value: 110 },
  });
  const scanning = lateness(delays);
  printFigure({
    name: "agent event loop, latest turn while idle (p100)",
    unit: "ms",
    values: [idle.late],
    note: `of it its own computing at most ${idle.own}`,
  });
  printFigure({
    name: "agent event loop, latest turn meanwhile (p100)",
    unit: "ms",
    values: [scanning.late],
    note: "with what other processes on these cores took",
  });
  printFigure({
    name: "of it the agent's own computing (p100)",
    unit: "ms",
    values: [scanning.own],
    goal: { kind: "at most", value: 50 },
  });
  await trainyard.close();
}

function lateness(path: string): { readonly late: number; readonly own: number } {
  const seconds = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" ").map(Number));
  const most = (column: number): number =>
    Math.max(...seconds.map((values) => values[column] ?? 0));
  return { late: most(0), own: most(1) };
}

/** Look-alikes planted among other pictures: how many are found, how many others are taken for them. */
async function benchAlike(): Promise<void> {
  const count = 300;
  const look = async (bytes: Buffer): Promise<string> =>
    perceptualHash(
      new Uint8Array(
        await sharp(bytes).resize(thumbnailSide, thumbnailSide, { fit: "fill" }).raw().toBuffer(),
      ),
      1,
    );
  const originals = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      drawn(1_000 + n, 512, 384)
        .jpeg({ quality: 92 })
        .toBuffer(),
    ),
  );
  const looks = await Promise.all(originals.map(look));
  const groups = nearDuplicateGroups(looks);
  const pairs = (count * (count - 1)) / 2;
  printFigure({
    name: "other pictures taken for alike",
    unit: "%",
    values: [(100 * groups.reduce((sum, group) => sum + group.length - 1, 0)) / pairs],
    note: `of ${pairs} pairs`,
  });
  const changes: Readonly<Record<string, (bytes: Buffer) => Promise<Buffer>>> = {
    "half the size": (bytes) => sharp(bytes).resize(256).jpeg().toBuffer(),
    "quality 40": (bytes) => sharp(bytes).jpeg({ quality: 40 }).toBuffer(),
    "cropped 3 % a side": (bytes) =>
      sharp(bytes).extract({ left: 12, top: 12, width: 488, height: 360 }).jpeg().toBuffer(),
    "12 % brighter": (bytes) => sharp(bytes).modulate({ brightness: 1.12 }).jpeg().toBuffer(),
  };
  for (const [name, change] of Object.entries(changes)) {
    const changed = await Promise.all(originals.map(async (bytes) => look(await change(bytes))));
    const found = changed.filter(
      (one, n) => nearDuplicateGroups([one, looks[n] ?? ""]).length === 1,
    );
    printFigure({ name: `found: ${name}`, unit: "%", values: [(100 * found.length) / count] });
  }
}
