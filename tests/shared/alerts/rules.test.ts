import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fingerprintOf,
  isAtLeast,
  overallHealth,
  severities,
} from "../../../shared/alerts/alert.ts";
import type { Alert } from "../../../shared/alerts/alert.ts";
import { freshGate, judgeAlerts } from "../../../shared/alerts/gate.ts";
import { afterAttempt, endsOutage, mayRequestAtMs } from "../../../shared/alerts/pacing.ts";
import {
  nextStep,
  parseRetryAfter,
  scheduleMs,
  standingPolicy,
} from "../../../shared/alerts/schedule.ts";
import type { ExplicitRetry } from "../../../shared/alerts/schedule.ts";
import { limits } from "../../../shared/limits.ts";

const hour = 3_600_000;

const alert = (change: Partial<Alert> = {}): Alert => ({
  code: "TRAINING_NAN_LOSS",
  severity: "critical",
  category: "quality",
  message: "The loss is not a number in 3 steps, first at step 12.",
  atMs: 1,
  jobId: "job_a",
  agentId: "agent_a",
  step: 12,
  evidence: {},
  ...change,
});

describe("a fingerprint", () => {
  it("is the same for the same finding with other numbers, case and space", () => {
    const again = alert({
      message: " the LOSS is not a number in 400 steps, first at step 9. ",
      step: 400,
    });

    expect(fingerprintOf(again)).toBe(fingerprintOf(alert()));
    expect(fingerprintOf(alert())).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each([
    ["another job", { jobId: "job_b" }],
    ["another box", { agentId: "agent_b" }],
    ["another severity", { severity: "warning" }],
    ["another category", { category: "speed" }],
    ["another code", { code: "X" }],
    ["other words", { message: "Something else." }],
    ["a stop", { guardrail: true }],
    ["a dry run of it", { wouldStop: true }],
  ] as const)("differs for %s", (_, change) => {
    expect(fingerprintOf(alert(change))).not.toBe(fingerprintOf(alert()));
  });

  it("of a stop is not that of its dry run", () => {
    expect(fingerprintOf(alert({ guardrail: true }))).not.toBe(
      fingerprintOf(alert({ wouldStop: true })),
    );
  });

  it("does not run fields together", () => {
    expect(fingerprintOf(alert({ category: "ab", code: "c" }))).not.toBe(
      fingerprintOf(alert({ category: "a", code: "bc" })),
    );
  });
});

describe("severities", () => {
  it("are ordered", () => {
    expect(severities.filter((severity) => isAtLeast(severity, "warning"))).toEqual([
      "warning",
      "critical",
    ]);
    expect(overallHealth([])).toBe("healthy");
    expect(overallHealth([alert({ severity: "info" })])).toBe("healthy");
    expect(overallHealth([alert({ severity: "warning" }), alert()])).toBe("critical");
  });
});

describe("the gate", () => {
  const knobs = { dedupeWindowMs: 900_000, rateWindowMs: 900_000, maxPerWindow: 2 };

  it("lets a fingerprint through once in its window, also within one call", () => {
    const first = judgeAlerts(freshGate, ["a", "a"], knobs, 0);
    const later = judgeAlerts(first.state, ["a"], knobs, 899_999);
    const after = judgeAlerts(later.state, ["a"], knobs, 900_000);

    expect(first.verdicts).toEqual(["routed", "duplicate"]);
    // A duplicate does not refresh the time.
    expect([later.verdicts, after.verdicts]).toEqual([["duplicate"], ["routed"]]);
  });

  it("stops at the limit of a window that begins at its first use", () => {
    const first = judgeAlerts(freshGate, ["a", "b", "c"], knobs, 1_000);
    const next = judgeAlerts(first.state, ["c"], knobs, 900_999);
    const anew = judgeAlerts(first.state, ["c"], knobs, 901_000);

    expect(first.verdicts).toEqual(["routed", "routed", "rate-limited"]);
    expect([next.verdicts, anew.verdicts]).toEqual([["rate-limited"], ["routed"]]);
  });

  it("0 means no limit and no memory", () => {
    const open = { dedupeWindowMs: 0, rateWindowMs: 1_000, maxPerWindow: 0 };
    const judged = judgeAlerts(freshGate, ["a", "a", "a"], open, 0);

    expect(judged.verdicts).toEqual(["routed", "routed", "routed"]);
    expect(judged.state.recent).toEqual({});
  });

  it("never routes more than the limit in a window, remembers at most its bound", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5_000), fc.nat(40)), { maxLength: 200 }),
        fc.integer({ min: 1, max: 5 }),
        (calls, maxPerWindow) => {
          let state = freshGate;
          let nowMs = 0;
          const routedAt: number[] = [];
          for (const [wait, name] of calls) {
            nowMs += wait;
            const rules = { dedupeWindowMs: 3_000, rateWindowMs: 10_000, maxPerWindow };
            const judged = judgeAlerts(state, [`f${name}`], rules, nowMs);
            state = judged.state;
            if (judged.verdicts[0] === "routed") routedAt.push(nowMs);
          }
          // A fixed window: at most two of them touch any span of its length.
          return routedAt.every(
            (atMs) =>
              routedAt.filter((other) => other >= atMs && other < atMs + 10_000).length <=
              2 * maxPerWindow,
          );
        },
      ),
    );
    const many = Array.from({ length: limits.alertFingerprints + 50 }, (_, n) => `f${n}`);
    const { state } = judgeAlerts(freshGate, many, { ...knobs, maxPerWindow: 0 }, 1);
    expect(Object.keys(state.recent)).toHaveLength(limits.alertFingerprints);
    expect(state.recent["f0"]).toBeUndefined();
  });
});

describe("the schedule", () => {
  const failed = { status: 500, reason: "HTTP_STATUS", retryAfterMs: null } as const;

  it("goes on for 75 hours and then ends", () => {
    for (const random of [0, 0.5, 0.999]) {
      let atMs = 0;
      let attempt = 1;
      for (;;) {
        const step = nextStep(standingPolicy, attempt, failed, atMs, random);
        if (step.kind !== "retry") break;
        expect(step.atMs).toBeGreaterThan(atMs);
        atMs = step.atMs;
        attempt += 1;
      }
      expect(attempt).toBe(10);
      expect(atMs).toBeGreaterThanOrEqual(75 * hour);
      expect(atMs).toBeLessThan(84 * hour);
    }
    expect(scheduleMs.reduce((sum, ms) => sum + ms, 0)).toBe(75 * hour + 35 * 60_000 + 5_000);
  });

  it("honours Retry-After up to a day, and 410 ends it", () => {
    const asked = { status: 429, reason: "HTTP_STATUS", retryAfterMs: hour } as const;

    expect(nextStep(standingPolicy, 1, asked, 0, 0)).toEqual({ kind: "retry", atMs: hour });
    expect(nextStep(standingPolicy, 1, { ...asked, retryAfterMs: 1e12 }, 0, 0)).toEqual({
      kind: "retry",
      atMs: 24 * hour,
    });
    expect(
      nextStep(standingPolicy, 1, { status: 410, reason: "GONE", retryAfterMs: null }, 0, 0),
    ).toEqual({ kind: "gone" });
    expect(
      nextStep(standingPolicy, 1, { status: 204, reason: null, retryAfterMs: null }, 0, 0),
    ).toEqual({ kind: "delivered" });
  });

  it("[B39] a private address is tried three times", () => {
    const refused = { status: null, reason: "ADDRESS_REFUSED", retryAfterMs: null } as const;

    expect(nextStep(standingPolicy, 2, refused, 0, 0).kind).toBe("retry");
    expect(nextStep(standingPolicy, 3, refused, 0, 0).kind).toBe("dead");
  });

  it("a call's own knobs govern its delivery entirely", () => {
    const own: ExplicitRetry = {
      kind: "explicit",
      attempts: 3,
      backoffMs: 500,
      backoffMultiplier: 2,
      timeoutMs: 1_000,
      retryStatusCodes: [500],
    };

    expect(nextStep(own, 1, failed, 0, 0.9)).toEqual({ kind: "retry", atMs: 500 });
    expect(nextStep(own, 2, failed, 0, 0.9)).toEqual({ kind: "retry", atMs: 1_000 });
    expect(nextStep(own, 3, failed, 0, 0.9)).toEqual({ kind: "dead" });
    expect(nextStep(own, 1, { ...failed, status: 404 }, 0, 0)).toEqual({ kind: "dead" });
    expect(
      nextStep(own, 1, { status: null, reason: "NETWORK", retryAfterMs: null }, 0, 0).kind,
    ).toBe("retry");
    expect(
      nextStep({ ...own, attempts: 10, backoffMs: 60_000, backoffMultiplier: 10 }, 5, failed, 0, 0),
    ).toEqual({ kind: "retry", atMs: 120_000 });
  });

  it.each([
    ["120", 120_000],
    [" 0 ", 0],
    ["Wed, 21 Oct 2026 07:28:00 GMT", 60_000],
    ["Wed, 21 Oct 2020 07:28:00 GMT", null],
    ["-5", null],
    ["1e9", null],
    ["soon", null],
    ["", null],
    [null, null],
  ])("reads Retry-After %j", (header, expected) => {
    expect(parseRetryAfter(header, Date.parse("2026-10-21T07:27:00Z"))).toBe(expected);
  });
});

describe("pacing", () => {
  it("a healthy endpoint has no state; after an outage one request a second until nothing waits", () => {
    expect(mayRequestAtMs(null)).toBe(0);
    expect(afterAttempt(null, true, true, 0, 1)).toBeNull();

    const failing = afterAttempt(null, false, true, 10, 20);
    expect(failing).toEqual({ failingSinceMs: 20, lastRequestAtMs: 10 });
    expect(afterAttempt(failing, false, true, 30, 40)?.failingSinceMs).toBe(20);
    expect(mayRequestAtMs(failing)).toBe(10 + limits.pacedRequestMs);
    expect(endsOutage(failing, true)).toBe(true);

    const recovering = afterAttempt(failing, true, true, 50, 60);
    expect(recovering).toEqual({ failingSinceMs: null, lastRequestAtMs: 50 });
    expect(endsOutage(recovering, true)).toBe(false);
    expect(afterAttempt(recovering, true, false, 70, 80)).toBeNull();
  });
});
