import { describe, expect, it } from "vitest";
import { freshBackoff, nextDelay } from "@trainyard/shared/protocol/backoff.ts";
import { judgeCall } from "@trainyard/shared/protocol/call-ledger.ts";
import { admit, connectivityOf, isCurrent } from "@trainyard/shared/protocol/edge-session.ts";
import type { EdgeSession } from "@trainyard/shared/protocol/edge-session.ts";
import { limits } from "@trainyard/shared/limits.ts";

const hello = { instanceId: "i2", machineId: "m1", bootId: "b1" };
const incumbent: EdgeSession = {
  epoch: 7,
  instanceId: "i1",
  machineId: "m1",
  bootId: "b1",
  lastSeenAtMs: 1_000,
  connected: true,
};

describe("who speaks for an agent", () => {
  it("[E1] every accepted hello raises the epoch", () => {
    const first = admit(null, hello, 5);
    const second = admit(incumbent, hello, 2_000);

    expect(first).toMatchObject({ kind: "accept", session: { epoch: 1 }, replaces: false });
    expect(second).toMatchObject({ kind: "accept", session: { epoch: 8 }, replaces: true });
  });

  it("[E2] the newest process of the same machine wins", () => {
    expect(admit(incumbent, { ...hello, instanceId: "i3" }, 1_001).kind).toBe("accept");
  });

  it("[E3] another machine with the same key is turned away while the incumbent lives", () => {
    const clone = { ...hello, machineId: "m2" };

    expect(admit(incumbent, clone, 2_000)).toMatchObject({
      kind: "reject",
      error: { code: "IDENTITY_IN_USE" },
    });
    expect(admit(incumbent, clone, 1_000 + limits.staleAfterMs).kind).toBe("accept");
    expect(admit({ ...incumbent, connected: false }, clone, 2_000).kind).toBe("accept");
  });

  it("[E4] a frame of an older epoch is not current", () => {
    expect(isCurrent(incumbent, 7)).toBe(true);
    expect(isCurrent(incumbent, 6)).toBe(false);
    expect(isCurrent(null, 1)).toBe(false);
  });

  it.each([
    [true, 0, 10_000, "live"],
    [true, 0, limits.staleAfterMs, "stale"],
    [false, 0, 10_000, "stale"],
    [false, 0, limits.offlineAfterMs, "offline"],
    [true, null, 0, "offline"],
  ] as const)("[E5] connected %s, seen at %s, now %s: %s", (connected, seen, now, expected) => {
    expect(connectivityOf(connected, seen, now)).toBe(expected);
  });
});

describe("coming back", () => {
  const lost = { sessionMs: null, closeCode: 1006, retryAfterMs: null };

  it("[D1] waits a uniform share of a cap that doubles up to a minute", () => {
    let state = freshBackoff;
    const caps: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      const next = nextDelay(state, lost, 0.999_999);
      caps.push(next.delayMs + 1);
      state = next.state;
    }

    expect(caps).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(nextDelay(state, lost, 0).delayMs).toBe(0);
  });

  it("[D2] starts anew only after a session that lasted", () => {
    const tired = { failures: 6 };

    expect(
      nextDelay(tired, { ...lost, sessionMs: limits.stableSessionMs }, 0.5).delayMs,
    ).toBeLessThan(5_000);
    expect(nextDelay(tired, { ...lost, sessionMs: 100 }, 0.999_999).delayMs).toBe(59_999);
  });

  it("[D3] spreads a deploy over five seconds", () => {
    expect(nextDelay(freshBackoff, { ...lost, sessionMs: 120_000 }, 0.999_999).delayMs).toBe(4_999);
  });

  it("[D4] obeys the edge's own wait", () => {
    expect(nextDelay(freshBackoff, { ...lost, retryAfterMs: 12_345 }, 0.5).delayMs).toBe(12_345);
  });
});

describe("a call that changes something", () => {
  it("[C1] runs once, and is answered with the stored result afterwards", () => {
    const outcome = { ok: true, value: 1 } as const;

    expect(judgeCall(null, "a")).toEqual({ kind: "run" });
    expect(judgeCall({ argsHash: "a", outcome: null }, "a")).toEqual({ kind: "in-progress" });
    expect(judgeCall({ argsHash: "a", outcome }, "a")).toEqual({ kind: "repeat", outcome });
  });

  it("[C2] is refused under the same id with other arguments", () => {
    expect(judgeCall({ argsHash: "a", outcome: null }, "b")).toMatchObject({
      kind: "conflict",
      error: { code: "IDEMPOTENCY_CONFLICT" },
    });
  });
});
