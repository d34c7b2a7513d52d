import { limits } from "@trainyard/shared/limits.ts";
import { runningHead } from "../support/scripted-agent.ts";
import type { Usage } from "../../control-plane/usage.ts";
import { printFigure } from "./figures.ts";
import { startScriptedEdge } from "./scripted-edge.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";

const hourMs = 3_600_000;
const stepsPerSecond = 2;

/**
 * One job-hour at 2 steps a second, sent in one go with the box's clock running through the hour: the rhythm is the agent's
 * (limits), the counting the objects' own. Ten samples and four checkpoints an hour are in it.
 */
export async function benchRows(): Promise<void> {
  for (const watched of [false, true]) {
    const edge = await startScriptedEdge();
    try {
      const before = await edge.usage();
      await sendHour(edge, watched);
      const after = await edge.usage();
      const rows =
        total(after, (usage) => usage.rowsWritten) - total(before, (usage) => usage.rowsWritten);
      const calls =
        total(after, (usage) => usage.requests) - total(before, (usage) => usage.requests) - 2;
      const messages =
        total(after, (usage) => usage.messages) - total(before, (usage) => usage.messages);
      const pings = hourMs / limits.pingIntervalMs;
      const name = watched ? "watched job-hour" : "unwatched job-hour";
      printFigure({
        name: `${name}, rows written`,
        unit: "rows",
        values: [rows],
        ...(watched ? {} : { goal: { kind: "at most" as const, value: 400 } }),
      });
      printFigure({
        name: `${name}, billable requests`,
        unit: "requests",
        values: [calls + messages / 20 + pings / 20],
        ...(watched ? {} : { goal: { kind: "at most" as const, value: 250 } }),
        note: `${calls} calls + ${messages}/20 messages + ${pings}/20 pings${watched ? ", a status call every 5 s" : ""}`,
      });
    } finally {
      await edge.close();
    }
  }
}

function total(usage: { hub: Usage; job: Usage }, of: (usage: Usage) => number): number {
  return of(usage.hub) + of(usage.job);
}

async function sendHour(edge: ScriptedEdge, watched: boolean): Promise<void> {
  const flushMs = watched ? limits.durableFlushWatchedMs : limits.durableFlushIdleMs;
  const startMs = 1_790_000_000_000;
  let seq = 1;
  let step = 0;
  let acknowledged = (_upTo: number): void => undefined;
  edge.agent.onMessage((message) => {
    if (message.type === "ack") acknowledged(message.upTo);
  });
  /** Resolves when the edge has committed everything that was sent. */
  const settled = (): Promise<void> =>
    new Promise((resolve) => {
      acknowledged = (upTo) => {
        if (upTo >= seq - 1) resolve();
      };
    });
  let samples = 0;
  let checkpoints = 0;
  for (let at = flushMs; at <= hourMs; at += flushMs) {
    const points = Math.round((at / 1_000) * stepsPerSecond) - step;
    const steps = Array.from({ length: points }, (_, i) => step + i);
    step += points;
    const head = { ...runningHead, currentStep: step, observedAtMs: startMs + at };
    const frame = (items: unknown[]): void => {
      edge.agent.sendText(
        JSON.stringify({
          type: "events",
          epoch: edge.agent.epoch,
          jobId: edge.jobId,
          attempt: 1,
          from: seq,
          items,
          head,
        }),
      );
      seq += items.length;
    };
    const arrived = settled();
    frame([
      {
        kind: "metrics",
        steps,
        atMs: steps.map((n) => startMs + n * 500),
        values: { loss: steps.map(() => 0.123), lr: steps.map(() => 1e-4) },
      },
    ]);
    if (at / hourMs >= (samples + 1) / 10) {
      samples += 1;
      frame([
        {
          kind: "sample",
          atMs: startMs + at,
          step,
          index: 0,
          path: `outputs/bench/samples/${step}.png`,
          bytes: 1,
        },
      ]);
    }
    if (at / hourMs >= (checkpoints + 1) / 4) {
      checkpoints += 1;
      frame([
        {
          kind: "checkpoint",
          atMs: startMs + at,
          step,
          path: `outputs/bench/${step}.safetensors`,
          bytes: 1,
          valid: true,
          final: false,
        },
      ]);
    }
    await arrived;
    if (!watched) continue;
    for (let live = 0; live < flushMs; live += limits.liveIntervalMs) {
      edge.agent.send({
        type: "live",
        epoch: edge.agent.epoch,
        jobId: edge.jobId,
        attempt: 1,
        head,
      });
    }
    if (at % 6_000 < flushMs) await edge.call("get-training-status", { job_id: edge.jobId });
  }
}
