// npm run bench:logs: how fast and in how much memory training logs are read. Every measurement is a process of its own.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAiToolkitReader } from "../../shared/logs/ai-toolkit/ai-toolkit-reader.ts";
import { createFragmenter } from "../../shared/logs/fragments.ts";
import { createLogReader } from "../../shared/logs/log-reader.ts";
import { syntheticLog } from "../../shared/logs/synthetic/synthetic-log.ts";
import { printFigure } from "./figures.ts";

const chunkBytes = 64 * 1024;
const mib = 1024 * 1024;
const jobName = "bench_lora";
const runs = 5;

/** What is done with each piece of 64 KiB. */
const readers: Readonly<Record<string, () => (bytes: Uint8Array) => void>> = {
  "read only": () => () => undefined,
  fragments: () => {
    const fragmenter = createFragmenter();
    return (bytes) => void fragmenter.push(bytes);
  },
  reader: () => {
    const reader = createAiToolkitReader({ jobName });
    return (bytes) => void reader.push("stderr", bytes);
  },
  classification: () => {
    const reader = createLogReader();
    return (bytes) => reader.push(bytes);
  },
};

interface Measured {
  readonly seconds: number;
  readonly peakMib: number;
  /** Before the first byte was read. */
  readonly startMib: number;
}

function measure(name: string, source: string): void {
  const read = readers[name]?.();
  if (!read) throw new Error(`There is no reader called ${name}.`);
  const chunk = Buffer.alloc(chunkBytes);
  const peakMib = (): number => process.resourceUsage().maxRSS / 1024;
  const startMib = peakMib();
  const startedAt = performance.now();
  if (source.startsWith("unbroken:")) {
    chunk.fill("x");
    for (let left = Number(source.slice(9)); left > 0; left -= chunkBytes) read(chunk);
  } else {
    const file = openSync(source, "r");
    for (;;) {
      const length = readSync(file, chunk, 0, chunkBytes, null);
      if (length === 0) break;
      read(chunk.subarray(0, length));
    }
    closeSync(file);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  process.stdout.write(JSON.stringify({ seconds, peakMib: peakMib(), startMib }));
}

function inChild(name: string, source: string, flags: readonly string[] = []): Measured {
  const done = spawnSync(
    process.execPath,
    [...flags, fileURLToPath(import.meta.url), "--child", name, source],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (done.status !== 0) throw new Error(`Reading by ${name} ended with ${done.status}.`);
  return JSON.parse(done.stdout) as Measured;
}

/** A bar-heavy log of one training; two redraws a step, with saves and samples between. */
function writeLog(
  path: string,
  until: { fragments?: number; bytes?: number },
): {
  fragments: number;
  bytes: number;
} {
  const file = openSync(path, "w");
  const written = { fragments: 0, bytes: 0 };
  let text = "";
  const flush = (): void => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    written.bytes += bytes.length;
    written.fragments += text.split(/[\r\n]/).length - 1;
    text = "";
  };
  for (const piece of syntheticLog({ scenario: "finished", steps: 20_000_000, jobName, seed: 1 })) {
    text += piece;
    if (text.length < mib) continue;
    flush();
    if (written.fragments >= (until.fragments ?? Infinity)) break;
    if (written.bytes >= (until.bytes ?? Infinity)) break;
  }
  closeSync(file);
  return written;
}

function benchLogs(): void {
  console.log(
    `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}; reads of 64 KiB from the page cache, one core`,
  );
  const folder = mkdtempSync(join(tmpdir(), "ty-bench-logs-"));
  try {
    for (const fragments of [1_000_000, 2_000_000]) speed(join(folder, "bars.log"), fragments);
    memory(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function speed(path: string, wanted: number): void {
  const { fragments, bytes } = writeLog(path, { fragments: wanted });
  console.log(
    `\n# ${fragments.toLocaleString("en")} fragments, ${(bytes / mib).toFixed(0)} MiB, ${(bytes / fragments).toFixed(0)} bytes each`,
  );
  // Interleaved, so that a busy moment of the machine does not fall on one reader alone.
  const seconds = new Map(Object.keys(readers).map((name) => [name, [] as number[]]));
  for (let run = 0; run < runs; run++) {
    for (const [name, values] of seconds) values.push(inChild(name, path).seconds);
  }
  const baseline = seconds.get("read only") ?? [];
  for (const [name, values] of seconds) {
    const goal = goals[name];
    printFigure({
      name: `${name}, fragments`,
      unit: "/s",
      values: values.map((value) => fragments / value),
      ...(goal && { goal: { kind: "at least", value: goal.fragments } }),
    });
    printFigure({
      name: `${name}, bytes`,
      unit: "MiB/s",
      values: values.map((value) => bytes / mib / value),
      ...(goal?.mib && { goal: { kind: "at least", value: goal.mib } }),
      note: `${(median(values) / median(baseline)).toFixed(0)} times the time of reading alone`,
    });
  }
}

const goals: Readonly<Record<string, { fragments: number; mib?: number }>> = {
  reader: { fragments: 2_000_000, mib: 180 },
  classification: { fragments: 1_000_000 },
};

/** The objects of a read are short-lived: how far V8 lets its nursery grow is all that a longer log changes. */
function memory(folder: string): void {
  const flags = ["--max-semi-space-size=4"];
  console.log(`\n# memory, classification on, ${flags[0]} as the command sets it`);
  const path = join(folder, "large.log");
  const sizes = [64 * mib, 1_024 * mib];
  const peaks = sizes.map((size) => {
    writeLog(path, { bytes: size });
    const measured = inChild("classification", path, flags);
    printFigure({
      name: `peak RSS, ${size / mib} MiB`,
      unit: "MiB",
      values: [measured.peakMib],
      note: `${(measured.peakMib - measured.startMib).toFixed(0)} more than before the first byte`,
    });
    return measured.peakMib;
  });
  printFigure({
    name: "sixteen times the log takes",
    unit: "times the memory",
    values: [(peaks[1] ?? Number.NaN) / (peaks[0] ?? Number.NaN)],
  });
  const unbroken = inChild("classification", "unbroken:1000000000", flags);
  printFigure({
    name: "1 GB without a newline, peak RSS",
    unit: "MiB",
    values: [unbroken.peakMib],
    goal: { kind: "at most", value: 150 },
    note: `${(unbroken.peakMib - unbroken.startMib).toFixed(0)} more than before the first byte; ${unbroken.seconds.toFixed(1)} s`,
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const [mode, reader = "", source = ""] = process.argv.slice(2);
if (mode === "--child") measure(reader, source);
else benchLogs();
