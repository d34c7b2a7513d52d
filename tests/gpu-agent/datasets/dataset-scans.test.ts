import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createDatasetScans } from "../../../gpu-agent/datasets/dataset-scans.ts";
import { drawn } from "../../support/drawn-pictures.ts";
import { systemTime } from "../../../gpu-agent/time.ts";
import { datasetEntry } from "../support/dataset-child.ts";
import { temporaryFolder } from "../support/temporary-home.ts";
import { virtualTime } from "../support/virtual-time.ts";
import { until } from "../support/waiting.ts";

const survey = { want: "survey", folders: [] } as const;

function scansWith(script: string, time = systemTime) {
  const folder = temporaryFolder();
  const entry = join(folder, "child.mjs");
  writeFileSync(
    entry,
    `import { appendFileSync, existsSync, readFileSync } from "node:fs";
     const lives = ${JSON.stringify(join(folder, "lives"))};
     appendFileSync(lives, process.pid + "\\n");
     const life = readFileSync(lives, "utf8").trim().split("\\n").length;
     process.on("disconnect", () => process.exit(0));
     process.on("message", ({ id }) => { ${script} });`,
  );
  const scans = createDatasetScans({
    entry,
    index: join(folder, "pictures.db"),
    time,
    log: () => undefined,
    gentle: () => false,
  });
  onTestFinished(() => scans.close());
  const lives = (): number => {
    try {
      return readFileSync(join(folder, "lives"), "utf8").trim().split("\n").length;
    } catch {
      return 0;
    }
  };
  return { scans, lives };
}

test("a child that dies is started again, and the question answered", async () => {
  const { scans, lives } = scansWith(
    `if (life < 3) process.kill(process.pid, "SIGKILL"); else process.send({ kind: "answer", id, answer: [life] });`,
  );
  expect(await scans.ask<"survey">(survey)).toEqual([3]);
  expect(lives()).toBe(3);
});

test("a child that dies at every try is given up with a refusal that says so", async () => {
  const { scans, lives } = scansWith(`process.exit(7);`);
  await expect(scans.ask<"survey">(survey)).rejects.toMatchObject({
    code: "SCAN_FAILED",
    details: { reason: "exit code 7" },
  });
  expect(lives()).toBeLessThan(20);
});

test("a child that hangs is ended, and the next one answers", async () => {
  const time = virtualTime();
  const { scans, lives } = scansWith(
    `if (life > 1) process.send({ kind: "answer", id, answer: [life] });`,
    time,
  );
  const answer = scans.ask<"survey">(survey);
  await until(() => lives() === 1, "the first child");
  await time.advance(30_000);
  expect(await answer).toEqual([2]);
});

test("one that beats is waited for", async () => {
  const time = virtualTime();
  const enough = join(temporaryFolder(), "enough");
  const { scans, lives } = scansWith(
    `setInterval(() => process.send(existsSync(${JSON.stringify(enough)}) ? { kind: "answer", id, answer: [] } : { kind: "beat" }), 5);`,
    time,
  );
  const answer = scans.ask<"survey">(survey);
  await until(() => lives() === 1, "the child");
  for (let wait = 0; wait < 5; wait += 1) {
    await time.advance(20_000);
    await until(() => time.nextIn() === 30_000, "a beat");
  }
  writeFileSync(enough, "");
  expect(await answer).toEqual([]);
  expect(lives()).toBe(1);
});

test("the real child, killed in the middle of a scan, goes on where it was and leaves when it is idle", async () => {
  const folder = temporaryFolder();
  const dataset = join(folder, "cats");
  mkdirSync(dataset);
  const bytes = await drawn(1, 1_600, 1_200).png().toBuffer();
  for (let n = 0; n < 60; n += 1)
    writeFileSync(join(dataset, `${n}.png`), Buffer.concat([bytes, Buffer.from([n])]));
  const scans = createDatasetScans({
    entry: datasetEntry,
    index: join(folder, "pictures.db"),
    time: systemTime,
    log: () => undefined,
    gentle: () => false,
    idleMs: 200,
  });
  onTestFinished(() => scans.close());
  const children = (): number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(folder, "pictures.db"));
        } catch {
          return false;
        }
      });

  const answer = scans.ask<"diagnosis">({
    want: "diagnosis",
    folder: dataset,
    virtualPath: "datasets/cats",
    maxFiles: 100,
    waitMs: 60_000,
    triggerWord: null,
    resolutions: [],
    sides: 16,
  });
  const [first] = await until(() => (children().length > 0 ? children() : null), "the child");
  await new Promise((resolve) => setTimeout(resolve, 500));
  process.kill(first as number, "SIGKILL");

  expect((await answer).scan).toEqual({ state: "done", scanned: 60, total: 60 });
  expect((await answer).view.problem_files).toEqual([]);
  await until(() => children().length === 0, "the idle child's end");
});
