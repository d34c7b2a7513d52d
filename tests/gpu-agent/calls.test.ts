import { join } from "node:path";
import { expect, test } from "vitest";
import { newJobId } from "@trainyard/shared/ids.ts";
import type { CallOutcome } from "@trainyard/shared/protocol/call-ledger.ts";
import type { Call } from "@trainyard/shared/protocol/messages.ts";
import { createCalls } from "../../gpu-agent/calls.ts";
import type { RunOperation } from "../../gpu-agent/calls.ts";
import { openSpool } from "../../gpu-agent/spool.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

const jobId = newJobId();
const hash = "a".repeat(64);
const stopCall: Call = {
  type: "call",
  epoch: 1,
  callId: "call_1",
  operation: "stop-attempt",
  argsHash: hash,
  args: { jobId, attempt: 1, mode: "now", by: "user", reason: "" },
};

function setUp(run: RunOperation) {
  const path = join(temporaryFolder(), "spool.db");
  const open = () => openSpool({ path, clock: { now: () => 1 }, log: () => undefined });
  let spool = open();
  let calls = createCalls({ ledger: spool.ledger, run, log: () => undefined });
  return {
    deliver: (call: Call) => new Promise<CallOutcome>((resolve) => calls.deliver(call, resolve)),
    restart: () => {
      spool.close();
      spool = open();
      calls = createCalls({ ledger: spool.ledger, run, log: () => undefined });
    },
  };
}

test("delivered five times at once and again after a restart: one effect, one answer", async () => {
  let effects = 0;
  const { deliver, restart } = setUp(async () => ({ n: (effects += 1) }));
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => deliver(stopCall)));
  restart();
  answers.push(await deliver(stopCall));
  expect(effects).toBe(1);
  expect(answers).toEqual(answers.map(() => ({ ok: true, value: { n: 1 } })));
});

test("the same id with other arguments is refused", async () => {
  let effects = 0;
  const { deliver } = setUp(async () => (effects += 1));
  await deliver(stopCall);
  expect(await deliver({ ...stopCall, argsHash: "b".repeat(64) })).toMatchObject({
    ok: false,
    error: { code: "IDEMPOTENCY_CONFLICT" },
  });
  expect(effects).toBe(1);
});

test("a call that was begun when the agent died is asked again", async () => {
  let effects = 0;
  let release: (() => void) | null = null;
  const { deliver, restart } = setUp(() => {
    effects += 1;
    return effects === 1
      ? new Promise((resolve) => (release = () => resolve(1)))
      : Promise.resolve(2);
  });
  void deliver(stopCall);
  restart();
  expect(await deliver(stopCall)).toEqual({ ok: true, value: 2 });
  expect(release).not.toBeNull();
});

test("an operation this agent does not have is outdated, wrong arguments are named", async () => {
  const { deliver } = setUp(async () => null);
  expect(await deliver({ ...stopCall, operation: "format-disk" })).toMatchObject({
    error: { code: "AGENT_OUTDATED" },
  });
  expect(await deliver({ ...stopCall, operation: "constructor" })).toMatchObject({
    error: { code: "AGENT_OUTDATED" },
  });
  expect(await deliver({ ...stopCall, args: { jobId } })).toMatchObject({
    error: { code: "INVALID_ARGUMENT" },
  });
});

test("an answer above the bound is an error, not a frame that breaks the link", async () => {
  const { deliver } = setUp(async () => "x".repeat(600_000));
  expect(await deliver(stopCall)).toMatchObject({
    ok: false,
    error: { code: "PAYLOAD_TOO_LARGE" },
  });
});

test("an unexpected failure says nothing about the inside, and may be tried again", async () => {
  let tries = 0;
  const { deliver } = setUp(async () => {
    tries += 1;
    if (tries === 1) throw new Error("/home/me/secret");
    return "done";
  });
  const failed = await deliver(stopCall);
  expect(failed).toMatchObject({ ok: false, error: { code: "INTERNAL" } });
  expect(JSON.stringify(failed)).not.toContain("secret");
  expect(await deliver(stopCall)).toEqual({ ok: true, value: "done" });
});
