import { AppError } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import type {
  OperationArgs,
  OperationName,
  OperationValue,
} from "@trainyard/shared/protocol/operations.ts";
import type { AnswerOf, EdgeToolName, ToolInput } from "@trainyard/shared/tools/registry.ts";
import type { Env, Principal, Settings } from "../env.ts";
import { unwrap } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { hubOf, jobOf } from "../stubs.ts";
import type { HubClient, JobClient } from "../stubs.ts";

export type Detail = "concise" | "full";
export type DoorName = "mcp" | "http";

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  /** One sentence of ours. */
  readonly message: string;
}

/** Everything a tool may touch. It starts from the owner of the token: nothing here reaches another owner's things. */
export interface EdgeContext {
  readonly env: Env;
  readonly settings: Settings;
  readonly principal: Principal;
  readonly hub: HubClient;
  job(jobId: string): JobClient;
  /** Scheme, host and port by which the caller reached us; links are built on it. */
  readonly origin: string;
  readonly door: DoorName;
  /** The tool's name in kebab-case as the caller gave it: an alias may have an answer of its own. */
  readonly calledAs: string;
  /** The parameters that were given, not defaulted. */
  readonly given: ReadonlySet<string>;
  detail(asked: Detail | undefined): Detail;
  readonly signal: AbortSignal;
  /** A call that waits returns what it has before this. */
  readonly deadlineAtMs: number;
  progress(progress: Progress): Promise<void>;
  now(): number;
  /** Ends early when the caller goes away. */
  sleep(ms: number): Promise<void>;
  /** One question to a box, TOOL_TIMEOUT when this call's time ends first. */
  callAgent<Name extends OperationName>(
    agentId: string,
    operation: Name,
    args: OperationArgs<Name>,
  ): Promise<OperationValue<Name>>;
}

export type EdgeHandler<Name extends EdgeToolName> = (
  input: ToolInput<Name>,
  context: EdgeContext,
) => Promise<AnswerOf<Name>>;

export interface CallFacts {
  readonly env: Env;
  readonly settings: Settings;
  readonly principal: Principal;
  readonly origin: string;
  readonly door: DoorName;
  readonly calledAs: string;
  readonly given: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly deadlineAtMs: number;
  readonly progress?: ((progress: Progress) => Promise<void>) | undefined;
}

export function createContext(facts: CallFacts): EdgeContext {
  const { env, principal, signal, deadlineAtMs, door } = facts;
  const hub = hubOf(env, principal.owner);
  return {
    ...facts,
    hub,
    job: (jobId) => jobOf(env, principal.owner, jobId),
    detail: (asked) => asked ?? (door === "mcp" ? "concise" : "full"),
    progress: async (progress) => facts.progress?.(progress),
    now: () => Date.now(),
    sleep: (ms) => sleep(ms, signal),
    async callAgent<Name extends OperationName>(
      agentId: string,
      operation: Name,
      args: OperationArgs<Name>,
    ): Promise<OperationValue<Name>> {
      const outcome = await beforeDeadline(hub.call(agentId, operation, args), deadlineAtMs);
      return unwrap(outcome) as OperationValue<Name>;
    },
  };
}

async function beforeDeadline<Value>(
  work: Promise<Outcome<Value>>,
  deadlineAtMs: number,
): Promise<Outcome<Value>> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<Outcome<Value>>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, error: timedOut }),
      Math.max(0, deadlineAtMs - Date.now()),
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

const timedOut: WireError = {
  code: "TOOL_TIMEOUT",
  message: "The box did not answer in this call's time.",
  hint: "Call again: a long look at a large file goes on and is then quick. list-agents says whether the box is connected.",
};

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** What a read may answer without: the box is off, silent, or too old to know the question. */
export function isUnreachable(error: unknown): error is AppError {
  return (
    error instanceof AppError &&
    (error.code === "AGENT_OFFLINE" ||
      error.code === "TOOL_TIMEOUT" ||
      error.code === "AGENT_OUTDATED")
  );
}
