import { copyFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import type { Spool } from "../../gpu-agent/spool.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

const key = { jobId: "job_00000000000000000000000000", attempt: 1 };
const all = { items: 10_000, bytes: 1e9 };
const clock = { now: () => 1_000 };
const open = (folder: string, spoolBytes?: number): Spool =>
  openSpool({
    path: join(folder, "spool.db"),
    clock,
    log: () => undefined,
    ...(spoolBytes === undefined ? {} : { spoolBytes }),
  });
const withAttempt = (spool: Spool): Spool => {
  spool.createAttempt({ ...key, state: "running", spec: {}, createdAtMs: 1 }, []);
  return spool;
};

const metrics = (...steps: number[]): Item => ({
  kind: "metrics",
  steps,
  atMs: steps.map(() => 1),
  values: { loss: steps.map((step) => step / 10) },
});
const alert = (n: number): Item => ({
  kind: "alert",
  atMs: n,
  step: n,
  code: "X",
  severity: "info",
  category: "c",
  message: "m",
  evidence: {},
  guardrail: false,
});
const stepsIn = (items: readonly Item[]): number[] =>
  items.flatMap((item) =>
    item.kind === "metrics" ? item.steps : item.kind === "alert" ? [item.atMs] : [],
  );

/** A copy as a crash would leave it: whatever is in the files at this moment. */
function crashCopy(folder: string): string {
  const copy = temporaryFolder();
  for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(copy, name));
  return copy;
}

test("a crash between any two commits leaves items, offset and parser state that belong together", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 }),
      (batches) => {
        const folder = temporaryFolder();
        const spool = withAttempt(open(folder));
        let step = 0;
        for (const count of batches) {
          const steps = Array.from({ length: count }, () => (step += 1));
          spool.commit(key, {
            items: [alert(steps[0] ?? 0), ...steps.slice(1).map((s) => metrics(s))],
            reader: { offset: step },
          });
          const crashed = open(crashCopy(folder));
          const { offset } = crashed.reader(key) as { offset: number };
          expect(stepsIn(crashed.read(key, 1, all))).toEqual(
            Array.from({ length: offset }, (_, i) => i + 1),
          );
          crashed.close();
        }
        spool.close();
      },
    ),
    { numRuns: 15 },
  );
});

test("a commit that fails leaves nothing behind", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [alert(1)], reader: { offset: 1 } });
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  expect(() => spool.commit(key, { items: [alert(2)], reader: circular })).toThrow();
  expect(spool.stream(key)).toMatchObject({ lastSeq: 1 });
  expect(stepsIn(spool.read(key, 1, all))).toEqual([1]);
  expect(spool.reader(key)).toEqual({ offset: 1 });
  expect(spool.commit(key, { items: [alert(2)] })).toBe(2);
  spool.close();
});

test("points that wait share an item; one that was on a socket is never changed again", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [metrics(1)] });
  expect(spool.commit(key, { items: [metrics(2)] })).toBe(1);
  spool.sent(key, 1);
  expect(spool.commit(key, { items: [metrics(3)] })).toBe(2);
  expect(spool.read(key, 1, all)).toEqual([metrics(1, 2), metrics(3)]);
  spool.close();
});

test("after a restart nothing in the spool is amended: it may have been sent", () => {
  const folder = temporaryFolder();
  const first = withAttempt(open(folder));
  first.commit(key, { items: [metrics(1)] });
  first.close();
  const second = open(folder);
  expect(second.commit(key, { items: [metrics(2)] })).toBe(2);
  second.close();
});

test("acknowledged items go, numbers and the rest stay", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [alert(1), alert(2), alert(3)] });
  spool.acked(key, 2);
  expect(stepsIn(spool.read(key, 3, all))).toEqual([3]);
  expect(spool.openStreams()).toEqual([{ ...key, lastSeq: 3, acked: 2 }]);
  expect(spool.commit(key, { items: [alert(4)], attempt: { state: "completed" } })).toBe(4);
  spool.acked(key, 4);
  expect(spool.openStreams()).toEqual([]);
  spool.close();
});

test("what the edge lost after acknowledging it is filled with gaps, not with silence", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [alert(1), alert(2), alert(3)] });
  spool.acked(key, 2);
  expect(spool.read(key, 1, all).map((item) => item.kind)).toEqual(["gap", "gap", "alert"]);
  spool.acked(key, 3);
  expect(spool.read(key, 2, all).map((item) => item.kind)).toEqual(["gap", "gap"]);
  spool.close();
});

test("an edge that knows more than the spool: numbers go on behind it, after a gap", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [alert(1)] });
  spool.acked(key, 9);
  expect(spool.stream(key)).toMatchObject({ acked: 9, lastSeq: 10 });
  expect(spool.read(key, 10, all)).toMatchObject([{ kind: "gap" }]);
  spool.close();
});

test("reading is bounded by items and bytes, and gives at least one", () => {
  const spool = withAttempt(open(temporaryFolder()));
  spool.commit(key, { items: [alert(1), alert(2), alert(3)] });
  expect(spool.read(key, 1, { items: 2, bytes: 1e9 })).toHaveLength(2);
  expect(spool.read(key, 1, { items: 9, bytes: 1 })).toHaveLength(1);
  spool.close();
});

test("over its bound the oldest metrics become gaps that say which steps; nothing else is touched", () => {
  const spool = withAttempt(open(temporaryFolder(), 20_000));
  for (let n = 0; n < 20; n += 1) {
    const steps = Array.from({ length: 200 }, (_, i) => n * 200 + i);
    spool.commit(key, { items: [metrics(...steps), alert(n)] });
  }
  const items = spool.read(key, 1, all);
  expect(items).toHaveLength(40);
  expect(items.filter((item) => item.kind === "alert")).toHaveLength(20);
  expect(items[0]).toMatchObject({ kind: "gap", what: "metrics", fromStep: 0, toStep: 199 });
  expect(JSON.stringify(items).length).toBeLessThan(30_000);
  expect(items.at(-2)?.kind).toBe("metrics");
  spool.close();
});

test("a damaged spool is set aside and a fresh one begins", () => {
  const folder = temporaryFolder();
  withAttempt(open(folder)).close();
  writeFileSync(
    join(folder, "spool.db"),
    "not a database at all, but long enough to be taken for a header ........",
  );
  const spool = open(folder);
  expect(spool.attempts()).toEqual([]);
  expect(readdirSync(folder).some((name) => name.startsWith("spool.db.damaged-"))).toBe(true);
  spool.close();
  open(folder).close();
});

test("the reserve is there from the beginning", () => {
  const folder = temporaryFolder();
  const reservePath = join(folder, "reserve");
  openSpool({ path: join(folder, "spool.db"), clock, log: () => undefined, reservePath }).close();
  expect(existsSync(reservePath)).toBe(true);
});
