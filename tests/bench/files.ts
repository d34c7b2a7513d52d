// npm run bench:files [-- down up breaks --mib 2048 --runs 5 --folder DIR]: what a transfer costs. Prints the figures of docs/benchmarks.md.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { get } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { limits } from "@trainyard/shared/limits.ts";
import { agentNodeOptions } from "../../gpu-agent/cli/paths.ts";
import { uploadFile } from "../../gpu-agent/cli/transfer/upload-file.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { root, until } from "../support/trainyard.ts";
import { startBenchEdge } from "./bench-edge.ts";
import type { BenchEdge } from "./bench-edge.ts";
import { percentile, printFigure } from "./figures.ts";
import { cpuSeconds, residentMib } from "./process-cost.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mib: { type: "string", default: "2048" },
    runs: { type: "string", default: "5" },
    folder: { type: "string", default: tmpdir() },
  },
});
const mebi = 1024 * 1024;
const bytes = Number(values.mib) * mebi;
const runs = Number(values.runs);
const wants = (part: string): boolean => positionals.length === 0 || positionals.includes(part);

console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}; caller, workerd and agent on these cores, over loopback; a file of ${values.mib} MiB, n = ${runs}`,
);
const edge = await startBenchEdge(values.folder);
const agent = spawn(
  process.execPath,
  [
    ...agentNodeOptions,
    join(root, "dist/agent/agent.js"),
    "--url",
    edge.url,
    "--home",
    edge.home.root,
  ],
  { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, TRAINYARD_LOG_LEVEL: "error" } },
);
const agentPid = agent.pid ?? -1;
try {
  await until("the agent", async () => (await edge.call("list-datasets", {})) !== null);
  const idle = { workerd: residentMib(edge.pid()), agent: residentMib(agentPid) };
  if (wants("down")) await benchDown(edge, idle);
  if (wants("up")) await benchUp(edge, idle);
  if (wants("breaks")) await benchBreaks(edge);
} finally {
  agent.kill();
  await edge.close();
}

interface Idle {
  readonly workerd: number;
  readonly agent: number;
}

async function benchDown(edge: BenchEdge, idle: Idle): Promise<void> {
  console.log("\n# down");
  const large = makeFile(join(edge.home.outputs, "large.safetensors"), bytes);
  const small = makeFile(join(edge.home.outputs, "small.safetensors"), bytes / 8);
  const link = async (name: string): Promise<string> =>
    String((await edge.call("create-download-link", { model_path: name }))["download_url"]);
  const url = await link(large);
  const smallUrl = await link(small);
  const plainUrl = `${edge.url}/bench/plain?bytes=${bytes}`;
  await fetchAll(smallUrl);
  const rows = [];
  for (let run = 0; run < runs; run += 1) {
    const plain = await measure(() => fetchAll(plainUrl));
    const down = await measure(() => fetchAll(url));
    rows.push({ plain, down });
  }
  shareFigures(
    "down",
    rows.map(({ plain, down }) => ({ plain, moved: down })),
  );
  const smallPeaks = [];
  for (let run = 0; run < runs; run += 1) {
    smallPeaks.push((await measure(() => fetchAll(smallUrl))).workerdMib);
  }
  const largePeak = percentile(
    rows.map(({ down }) => down.workerdMib),
    0.5,
  );
  printFigure({
    name: "workerd, more memory for a file 8 times as large",
    unit: "MiB",
    values: [largePeak - percentile(smallPeaks, 0.5)],
    goal: { kind: "at most", value: 16 },
  });
  const three = await measure(() => Promise.all([url, url, url].map((one) => fetchAll(one))));
  printFigure({
    name: "three at once, together",
    unit: "MiB/s",
    values: [(3 * bytes) / mebi / three.seconds],
  });
  memoryFigures("three at once", [three], idle);
}

async function benchUp(edge: BenchEdge, idle: Idle): Promise<void> {
  console.log("\n# up");
  const folder = sendersFolder(edge);
  const path = join(folder, "large.parquet");
  const rows = [];
  for (let run = 0; run < runs; run += 1) {
    // Another content each time: what is there already is not sent.
    makeFile(path, bytes);
    const plain = await measure(() => fetchAll(`${edge.url}/bench/plain?bytes=${bytes}`));
    const link = await uploadLink(edge);
    let firstAt = 0;
    const whole = await measure(async () => {
      await uploadFile({
        link,
        path,
        name: `run-${run}.parquet`,
        mayBeThere: false,
        signal: new AbortController().signal,
        onSent: () => {
          if (firstAt === 0) firstAt = performance.now();
        },
      });
    });
    // The sender hashes its file before it sends the first part; that is its own disk and not the transfer.
    rows.push({ plain, moved: { ...whole, seconds: (performance.now() - firstAt) / 1_000 } });
    emptyFolder(join(edge.home.datasets, "bench"));
  }
  shareFigures("up", rows);
  const paths = [0, 1, 2].map((n) => join(folder, `three-${n}.parquet`));
  for (const one of paths) makeFile(one, bytes / 4);
  const link = await uploadLink(edge);
  const three = await measure(() =>
    Promise.all(
      paths.map((one, n) =>
        uploadFile({
          link,
          path: one,
          name: `three-${n}.parquet`,
          mayBeThere: false,
          signal: new AbortController().signal,
        }),
      ),
    ),
  );
  memoryFigures("three at once", [three], idle);
  emptyFolder(folder);
  emptyFolder(join(edge.home.datasets, "bench"));
}

/** The line breaks three times half-way through a part. */
async function benchBreaks(edge: BenchEdge): Promise<void> {
  console.log("\n# a line that breaks three times");
  const path = join(sendersFolder(edge), "broken.parquet");
  const size = Math.max(bytes / 8, 8 * limits.partBytes);
  makeFile(path, size);
  const proxy = await startCuttingProxy(edge.url);
  const made = await uploadLink(edge);
  const link = made.replace(edge.url, proxy.url);
  proxy.cut(
    "up",
    [1.5, 2, 2].map((parts) => parts * limits.partBytes),
  );
  const { sentBytes } = await uploadFile({
    link,
    path,
    name: "broken.parquet",
    mayBeThere: false,
    signal: new AbortController().signal,
  });
  await proxy.close();
  printFigure({
    name: "sent again, for each break",
    unit: "parts",
    values: [(sentBytes - size) / limits.partBytes / 3],
    goal: { kind: "at most", value: 1 },
  });
}

async function uploadLink(edge: BenchEdge): Promise<string> {
  const made = await edge.call("create-upload-link", {
    dataset_name: "bench",
    expires_in_seconds: 3_600,
  });
  return String(made["upload_url"]);
}

interface Measured {
  readonly seconds: number;
  readonly workerdMib: number;
  readonly agentMib: number;
  readonly workerdCpu: number;
  readonly agentCpu: number;
}

/** Time, CPU of both processes, and the most memory each had meanwhile. */
async function measure(work: () => Promise<unknown>): Promise<Measured> {
  let workerdMib = 0;
  let agentMib = 0;
  const look = setInterval(() => {
    workerdMib = Math.max(workerdMib, residentMib(edge.pid()));
    agentMib = Math.max(agentMib, residentMib(agentPid));
  }, 25);
  const before = [cpuSeconds(edge.pid()), cpuSeconds(agentPid)] as const;
  const startedAt = performance.now();
  // Whatever ends the work ends the looking: a process that is gone would hide the reason.
  await work().finally(() => clearInterval(look));
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    seconds,
    workerdMib,
    agentMib,
    workerdCpu: cpuSeconds(edge.pid()) - before[0],
    agentCpu: cpuSeconds(agentPid) - before[1],
  };
}

function shareFigures(
  way: string,
  rows: readonly { readonly plain: Measured; readonly moved: Measured }[],
): void {
  const speed = ({ seconds }: Measured): number => bytes / mebi / seconds;
  const gib = bytes / mebi / 1024;
  printFigure({
    name: "a plain streamed download",
    unit: "MiB/s",
    values: rows.map(({ plain }) => speed(plain)),
  });
  printFigure({ name: way, unit: "MiB/s", values: rows.map(({ moved }) => speed(moved)) });
  printFigure({
    name: `${way}, share of the plain download beside it`,
    unit: "",
    values: rows.map(({ plain, moved }) => speed(moved) / speed(plain)),
    goal: { kind: "at least", value: 0.5 },
  });
  printFigure({
    name: "workerd's CPU",
    unit: "s/GiB",
    values: rows.map(({ moved }) => moved.workerdCpu / gib),
    note: `plain: ${percentile(
      rows.map(({ plain }) => plain.workerdCpu / gib),
      0.5,
    ).toFixed(2)}`,
  });
  printFigure({
    name: "the agent's CPU",
    unit: "s/GiB",
    values: rows.map(({ moved }) => moved.agentCpu / gib),
  });
}

function memoryFigures(what: string, runs: readonly Measured[], idle: Idle): void {
  printFigure({
    name: `workerd, more memory than idle, ${what}`,
    unit: "MiB",
    values: runs.map(({ workerdMib }) => workerdMib - idle.workerd),
    goal: { kind: "at most", value: 150 },
  });
  printFigure({
    name: `the agent, more memory than idle, ${what}`,
    unit: "MiB",
    values: runs.map(({ agentMib }) => agentMib - idle.agent),
    goal: { kind: "at most", value: 50 },
  });
}

/** Reads a body to its end and lets it go; throws when it is cut. */
function fetchAll(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // A connection of its own: while a file is made nobody sees that workerd closed an idle one.
    get(url, { agent: false }, (response) => {
      let received = 0;
      response.on("data", (chunk: Buffer) => (received += chunk.byteLength));
      response.on("end", () => {
        if (response.complete && response.statusCode === 200) resolve(received);
        else reject(new Error(`${response.statusCode}, cut after ${received} bytes`));
      });
      response.on("error", reject);
    }).on("error", reject);
  });
}

function makeFile(path: string, size: number): string {
  const file = openSync(path, "w");
  for (let left = size; left > 0; left -= mebi) writeSync(file, randomBytes(Math.min(mebi, left)));
  closeSync(file);
  return path.slice(path.lastIndexOf("/") + 1);
}

function sendersFolder({ home }: BenchEdge): string {
  const folder = join(home.root, "senders");
  mkdirSync(folder, { recursive: true });
  return folder;
}

function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}
