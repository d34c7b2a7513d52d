import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { findTool } from "@trainyard/shared/tools/registry.ts";
import { applySynonyms } from "@trainyard/shared/tools/synonyms.ts";
import { z } from "zod";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { jobNow } from "../tools/job-now.ts";
import { sentence } from "../tools/job-sentence.ts";
import { endedRun } from "../tools/run-answer.ts";
import { iso } from "../tools/words.ts";
import { readContext } from "./mcp-door.ts";
import type { McpDoor } from "./mcp-door.ts";
import type { ToolCall, ToolReply } from "./offer.ts";
import type { Task } from "./task.ts";
import { runTool } from "./tools.ts";

/**
 * A task is a job, under the job's id. The one call that would wait with a job hands it out instead of waiting; what the call
 * answers without a job (a config that is wrong) is its answer.
 */
export async function runAsTask(door: McpDoor, call: ToolCall): Promise<ToolReply> {
  const named = waitingArguments(call);
  if (named === null) return runTool(door, call);
  const started = await runTool(door, { ...call, rawArguments: { ...named, monitor_seconds: 0 } });
  const made = withJob.safeParse(started.structuredContent).data;
  return made === undefined ? started : { task: await jobTask(door, made.job_id, call.signal) };
}

const withJob = z.object({ job_id: z.string() });

/** Null: it is another tool, or asked to return at once. */
function waitingArguments({ name, rawArguments }: ToolCall): Record<string, unknown> | null {
  if (findTool(name)?.name !== "run-training-with-guardrails") return null;
  if (typeof rawArguments !== "object" || rawArguments === null) return null;
  const named = applySynonyms(name, rawArguments as Record<string, unknown>);
  return named["monitor_seconds"] === 0 ? null : named;
}

/** Throws JOB_NOT_FOUND. */
export async function jobTask(door: McpDoor, taskId: string, signal: AbortSignal): Promise<Task> {
  const context = readContext(door, signal, limits.mcpWaitMs);
  // Not watched: a task is asked for hours, and what the box commits by itself is new enough.
  const view = unwrap(await context.hub.viewJob(taskId, false));
  const { summary } = view;
  const facts = {
    taskId,
    statusMessage: sentence(view),
    createdAt: iso(summary.createdAtMs),
    lastUpdatedAt: iso(
      Math.max(summary.createdAtMs, summary.endedAtMs ?? summary.observedAtMs ?? 0),
    ),
    ttlMs: null,
    pollIntervalMs: limits.taskPollMs,
  };
  if (!isTerminal(jobNow(view).state)) return { ...facts, status: "working" };
  if (wasCancelled(view)) return { ...facts, status: "cancelled" };
  const { data, text } = await endedRun(view, context);
  return {
    ...facts,
    status: "completed",
    result: { content: [{ type: "text", text }], structuredContent: { ...data } },
  };
}

/** By a person; a guardrail's stop is a result that somebody waits for. */
function wasCancelled({ summary }: JobView): boolean {
  return summary.state === "stopped" && summary.stop?.by.startsWith("guardrail:") !== true;
}

/** As stop-training does it: a checkpoint first. A job that has ended stays as it is. */
export async function cancelJob(door: McpDoor, taskId: string, signal: AbortSignal): Promise<void> {
  await runTool(door, {
    name: "stop-training",
    rawArguments: { job_id: taskId },
    signal,
    progress: null,
  });
}
