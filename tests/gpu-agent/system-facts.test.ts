import { systemProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import { execFileSync, spawn } from "node:child_process";
import { statfsSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { createHostFacts, graphicsFacts } from "../../gpu-agent/host/host-facts.ts";
import { createSystemFacts } from "../../gpu-agent/host/system-facts.ts";
import type { SystemFacts } from "../../gpu-agent/host/system-facts.ts";
import { vitalsAnswer } from "../../gpu-agent/host/system-messages.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { temporaryFolder } from "./support/temporary-home.ts";
import { until } from "./support/waiting.ts";

const source = (path: string): string =>
  fileURLToPath(new URL(`../../gpu-agent/${path}`, import.meta.url));
const realEntry = source("host/system-child.ts");

function openFacts(options: { entry?: string; idleMs?: number; timeoutMs?: number } = {}) {
  const warnings: unknown[] = [];
  const facts = createSystemFacts({
    entry: realEntry,
    time: systemTime,
    log: (_level, _message, fields) => void warnings.push(fields?.["reason"]),
    ...options,
  });
  onTestFinished(() => facts.close());
  return { facts, warnings };
}

const hostWith = (system: SystemFacts) =>
  createHostFacts({ time: systemTime, queryGpus: async () => null, system });

/** A stand-in for the child: `body` runs for each request with `message`, `answer` and `count`. */
function scriptedChild(body: string): string {
  const path = join(temporaryFolder(), "child.mjs");
  writeFileSync(
    path,
    `import { appendFileSync } from "node:fs";
appendFileSync(import.meta.filename + ".starts", process.pid + "\\n");
let count = 0;
const vitals = { cpuPercent: 12.5, memory: { totalBytes: 100, usedBytes: 40 }, disk: null };
process.on("disconnect", () => process.exit());
process.on("message", (message) => {
  count += 1;
  const answer = (more) => process.send({ id: message.id, ...more });
  ${body}
});`,
  );
  return path;
}

const startsOf = (entry: string): string[] =>
  execFileSync("cat", [`${entry}.starts`], { encoding: "utf8" })
    .trim()
    .split("\n");

test("a real child tells load, memory and the disk of the path", async () => {
  const { facts, warnings } = openFacts();
  const folder = temporaryFolder();
  const found = await facts.vitals(folder);
  expect(warnings).toEqual([]);
  expect(found?.cpuPercent).toBeGreaterThanOrEqual(0);
  expect(found?.cpuPercent).toBeLessThanOrEqual(100);
  expect(found?.memory?.totalBytes).toBeGreaterThan(0.9 * totalmem());
  expect(found?.memory?.usedBytes).toBeLessThan(found?.memory?.totalBytes ?? 0);
  expect(found?.memory?.usedBytes).toBeGreaterThan(0);
  // Null where the folder is on a file system that is not listed (tmpfs): never another one's numbers.
  if (found?.disk != null) {
    const { blocks, bsize } = statfsSync(folder);
    expect(found.disk.totalBytes / (blocks * bsize)).toBeCloseTo(1, 1);
    expect(found.disk.freeBytes).toBeLessThanOrEqual(found.disk.totalBytes);
  }
  const again = await facts.vitals(folder);
  expect(again?.memory?.totalBytes).toBe(found?.memory?.totalBytes);
  expect(again?.cpuPercent).not.toBeNull();
  expect(Array.isArray(await facts.graphics())).toBe(true);
});

test("a file system that is not listed gets no other one's numbers", async () => {
  const { facts } = openFacts();
  const found = await facts.vitals("/proc/self");
  expect(found?.memory).not.toBeNull();
  expect(found?.disk).toBeNull();
});

test("the child goes when nobody asks, and when the agent is gone", async () => {
  const start = (idleMs: number) => {
    const child = spawn(process.execPath, [realEntry, "--idle-ms", String(idleMs)], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exit = new Promise((resolve) => child.once("exit", resolve));
    const answer = new Promise((resolve) => child.once("message", resolve));
    child.send({ id: 7, want: "vitals", path: "/" });
    return { child, exit, answer };
  };
  const idle = start(100);
  expect(vitalsAnswer.parse(await idle.answer).id).toBe(7);
  expect(await idle.exit).toBe(0);

  const left = start(600_000);
  await left.answer;
  expect(left.child.exitCode).toBeNull();
  left.child.disconnect();
  expect(await left.exit).toBe(0);
});

test("one that went is started again", async () => {
  const entry = scriptedChild("process.send({ id: message.id, vitals }, () => process.exit(0));");
  const { facts, warnings } = openFacts({ entry });
  expect(await facts.vitals("/")).not.toBeNull();
  const [first] = startsOf(entry);
  await until(() => systemProcesses().startTicks(Number(first)) === null, "the child's end");
  expect(await facts.vitals("/")).not.toBeNull();
  expect(startsOf(entry)).toHaveLength(2);
  expect(warnings).toEqual([]);
});

test("one that leaves at the moment it is asked is replaced, and nobody notices", async () => {
  const entry = scriptedChild("if (count === 2) process.exit(0); else answer({ vitals });");
  const { facts, warnings } = openFacts({ entry });
  expect(await facts.vitals("/")).toMatchObject({ cpuPercent: 12.5 });
  expect(await facts.vitals("/")).toMatchObject({ cpuPercent: 12.5 });
  expect(startsOf(entry)).toHaveLength(2);
  expect(warnings).toEqual([]);
});

test("the same question at the same time is asked once, different ones after each other", async () => {
  const entry = scriptedChild(
    `if (globalThis.busy) process.exit(9);
  globalThis.busy = true;
  setTimeout(() => {
    globalThis.busy = false;
    answer(message.want === "vitals" ? { vitals: { ...vitals, cpuPercent: count } } : { controllers: [] });
  }, 100);`,
  );
  const { facts, warnings } = openFacts({ entry });
  const [first, second, graphics, other] = await Promise.all([
    facts.vitals("/"),
    facts.vitals("/"),
    facts.graphics(),
    facts.vitals("/tmp"),
  ]);
  expect([first?.cpuPercent, second?.cpuPercent, other?.cpuPercent]).toEqual([1, 1, 3]);
  expect(graphics).toEqual([]);
  expect(warnings).toEqual([]);
});

test.each([
  ["ends at once", "process.exit(3);", "exit code 3"],
  ["never answers", "", "no answer in 300 ms"],
  ["answers something else", "answer({ vitals: { cpuPercent: 900 } });", "agreed form"],
])(
  "a child that %s: the agent's own numbers are told, and it rests",
  async (_what, body, reason) => {
    const entry = scriptedChild(body);
    // Long enough to start; only what never answers waits for it.
    const { facts, warnings } = openFacts({ entry, timeoutMs: body === "" ? 300 : 8_000 });
    const host = hostWith(facts);
    for (let i = 0; i < 2; i += 1) {
      const { cpuPercent, memory, disk } = await host.vitals(temporaryFolder());
      expect(cpuPercent).toBeGreaterThanOrEqual(0);
      expect(memory.totalBytes).toBe(totalmem());
      expect(disk?.freeBytes).toBeGreaterThan(0);
      expect(await host.graphics()).toEqual([]);
    }
    expect(warnings).toEqual([expect.stringContaining(reason)]);
  },
);

test("an entry that is not there falls back", async () => {
  const { facts, warnings } = openFacts({ entry: "/nowhere/system-child.js" });
  expect(await facts.vitals("/")).toBeNull();
  expect(warnings).toEqual(["exit code 1"]);
  expect((await hostWith(facts).vitals("/")).disk?.totalBytes).toBeGreaterThan(0);
});

test("a child that hangs is ended", async () => {
  const entry = scriptedChild("for (;;);");
  // The start itself is inside the limit.
  const { facts } = openFacts({ entry, timeoutMs: 2_000 });
  expect(await facts.vitals("/")).toBeNull();
  const [pid] = startsOf(entry);
  await until(() => !isAlive(Number(pid)), "the end of the child");
});

test("the library is loaded by the child and never by the agent", () => {
  const loaded = (path: string): string[] =>
    JSON.parse(
      execFileSync(
        process.execPath,
        [
          "--disable-warning=ExperimentalWarning",
          "--input-type=module",
          "-e",
          `import { createRequire } from "node:module";
           await import(${JSON.stringify(pathToFileURL(source(path)).href)}).catch(() => undefined);
           const files = Object.keys(createRequire("/").cache);
           console.log(JSON.stringify(["systeminformation", "sharp"].filter((name) => files.some((file) => file.includes("/" + name + "/")))));
           process.exit(0);`,
        ],
        { encoding: "utf8" },
      ),
    ) as string[];
  expect(loaded("agent.ts")).toEqual([]);
  // The same look finds it where it is.
  expect(loaded("host/system-child.ts")).toEqual(["systeminformation"]);
});

test("graphics by name; what only draws a console is none", () => {
  expect(
    graphicsFacts([
      { vendor: "ASPEED Technology, Inc.", model: "ASPEED Graphics Family", temperatureC: null },
      { vendor: "Advanced Micro Devices", model: "Navi 21 [Radeon RX 6800]", temperatureC: 51 },
      { vendor: "Apple", model: "", temperatureC: null },
    ]),
  ).toMatchObject([
    { index: 0, name: "Navi 21 [Radeon RX 6800]", temperatureC: 51, memoryTotalMib: null },
    { index: 1, name: "Apple", utilizationPercent: null },
  ]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
