import { describe, expect, it } from "vitest";
import type { JobSummary } from "@trainyard/shared/jobs/summary.ts";
import type { EdgeContext } from "../../../control-plane/tools/context.ts";
import { pollJob } from "../../../control-plane/tools/poll-job.ts";

/** A job under a clock of its own: sleeping is what moves it, each time a little late. */
function watched(options: { endsAtMs?: number; deadlineAtMs?: number; lateMs?: number } = {}) {
  let nowMs = 0;
  const context = {
    hub: {
      viewJob: async () => ({
        ok: true,
        value: {
          summary: {
            jobId: "job_x",
            state: nowMs >= (options.endsAtMs ?? Infinity) ? "completed" : "running",
            createdAtMs: 0,
          } as JobSummary,
          connectivity: "live",
          agentSeenAtMs: nowMs,
          live: null,
          queuePosition: null,
        },
      }),
    },
    now: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms + (options.lateMs ?? 4)),
    deadlineAtMs: options.deadlineAtMs ?? 120_000,
    signal: new AbortController().signal,
    progress: async () => undefined,
  } as unknown as EdgeContext;
  return async (durationSeconds: number, pollSeconds: number) => {
    const { points, end } = await pollJob(
      "job_x",
      {
        firstAtMs: 0,
        untilMs: durationSeconds * 1_000,
        intervalMs: pollSeconds * 1_000,
        stopOnTerminal: true,
      },
      context,
    );
    return { at: points.map((point) => Math.round(point.atMs / 1_000)), end, tookMs: nowMs };
  };
}

describe("watching a job for a window", () => {
  it.each([
    ["one look", 0, 10, [0], 0],
    ["the last point belongs to the window", 4, 2, [0, 2, 4], 4],
    ["a window that is no multiple of the interval", 5, 2, [0, 2, 4], 5],
    ["an interval longer than the window", 5, 10, [0], 5],
    ["a long interval", 30, 60, [0], 30],
  ])("%s: %i s every %i s", async (_what, duration, poll, at, seconds) => {
    const seen = await watched()(duration, poll);

    expect(seen).toMatchObject({ at, end: "window" });
    expect(Math.round(seen.tookMs / 1_000)).toBe(seconds);
  });

  it("an end is noticed between two points, and is one", async () => {
    const seen = await watched({ endsAtMs: 7_000 })(60, 30);

    expect(seen).toMatchObject({ at: [0, 8], end: "terminal" });
  });

  it("lateness does not add up", async () => {
    expect((await watched({ lateMs: 300 })(20, 2)).at).toHaveLength(11);
  });

  it("answers before the caller's time is over", async () => {
    const seen = await watched({ deadlineAtMs: 10_000 })(60, 2);

    expect(seen.end).toBe("deadline");
    expect(seen.tookMs).toBeLessThan(9_000);
  });
});
