import { setTimeout as wait } from "node:timers/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { askEdge } from "../../files/edge-request.ts";
import type { EdgeAnswer, EdgeRequest } from "../../files/edge-request.ts";
import { refusalError } from "../door/call-tool.ts";
import { notTrainyard, parseRefusal } from "../door/http-door.ts";
import { unreachable } from "../door/unreachable.ts";

/** One request on a signed link, which is its own permission. Throws CONTROL_PLANE_UNREACHABLE, or what the link answered. */
export async function askLink(
  url: string,
  request: EdgeRequest,
): Promise<{ readonly status: number; readonly said: Readonly<Record<string, unknown>> }> {
  const answer = await open(url, request);
  const said = await answer.json();
  if (answer.status >= 400) throw refusalOf(answer.status, said);
  if (typeof said !== "object" || said === null) throw notTrainyard(answer.status);
  return { status: answer.status, said: said as Record<string, unknown> };
}

/** The same for a body of bytes; a refusal is thrown before. */
export async function openLink(url: string, request: EdgeRequest): Promise<EdgeAnswer> {
  const answer = await open(url, request);
  if (answer.status < 400) return answer;
  throw refusalOf(answer.status, await answer.json());
}

async function open(url: string, request: EdgeRequest): Promise<EdgeAnswer> {
  try {
    return await askEdge(url, request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw unreachable(error);
  }
}

function refusalOf(status: number, said: unknown): AppError {
  const refusal = parseRefusal(JSON.stringify(said));
  return refusal === null ? notTrainyard(status) : refusalError(refusal);
}

/** What is on its way back: the line, the box, the control plane. */
const passing: ReadonlySet<string> = new Set([
  "CONTROL_PLANE_UNREACHABLE",
  "AGENT_OFFLINE",
  "TOOL_TIMEOUT",
  "TRANSFER_BROKEN",
  "QUOTA_EXCEEDED",
  "RATE_LIMITED",
  "INTERNAL",
]);

/** Counts failures without progress; past `transferRetryMs` the last one is thrown. `also` are further codes that pass. */
export function createPatience(also: readonly string[] = []) {
  let since: number | null = null;
  let failures = 0;
  return {
    progressed(): void {
      since = null;
      failures = 0;
    },
    /** Waits before the next try. Throws `error` when it has lasted too long, or will not pass. */
    async failed(error: unknown, signal: AbortSignal): Promise<void> {
      if (!(error instanceof AppError)) throw error;
      if (!passing.has(error.code) && !also.includes(error.code)) throw error;
      since ??= performance.now();
      if (performance.now() - since > limits.transferRetryMs) throw error;
      failures += 1;
      const ceiling = Math.min(limits.transferRetryCapMs, 250 * 2 ** failures);
      await wait(ceiling / 2 + (Math.random() * ceiling) / 2, undefined, { signal });
    },
  };
}
