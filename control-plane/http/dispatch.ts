import { AppError } from "@trainyard/shared/errors.ts";
import { isDeeperThan } from "@trainyard/shared/json-depth.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { ToolAnswer } from "@trainyard/shared/tools/define-tool.ts";
import { nearestName } from "@trainyard/shared/tools/nearest-name.ts";
import { parseArguments } from "@trainyard/shared/tools/parse-arguments.ts";
import { findTool } from "@trainyard/shared/tools/registry.ts";
import type {
  AnswerOf,
  CatalogTool,
  EdgeToolName,
  ToolInput,
} from "@trainyard/shared/tools/registry.ts";
import { applySynonyms } from "@trainyard/shared/tools/synonyms.ts";
import { pathOf, toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";
import type { Env, Principal, Settings } from "../env.ts";
import { createContext } from "../tools/context.ts";
import type { DoorName, EdgeContext, EdgeHandler, Progress } from "../tools/context.ts";
import { edgeHandlers } from "../tools/handlers.ts";
import type { EdgeHandlers } from "../tools/handlers.ts";
import { highestScope } from "./auth.ts";
import { runOnAgent } from "./agent-tool.ts";
import { fitAnswer } from "./fit-answer.ts";

export interface ToolRequest {
  readonly name: string;
  readonly rawArguments: unknown;
  readonly principal: Principal;
  readonly door: DoorName;
  readonly toolset: Toolset;
  /** Scheme, host and port the caller used. */
  readonly origin: string;
  readonly signal: AbortSignal;
  readonly progress?: (progress: Progress) => Promise<void>;
}

export interface Dispatched {
  readonly tool: CatalogTool;
  readonly answer: ToolAnswer<Readonly<Record<string, unknown>>>;
}

/** Every door's tool calls come through here: what is allowed, what is well-formed, where it runs, how long it may take. */
export async function dispatch(
  env: Env,
  settings: Settings,
  request: ToolRequest,
): Promise<Dispatched> {
  const { principal, door, toolset } = request;
  const tool = allowedTool(request);
  checkDepth(request.rawArguments);
  const input = parseArguments(tool, request.rawArguments, request.name);
  const context = createContext({
    env,
    settings,
    principal,
    door,
    origin: request.origin,
    calledAs: request.name.replaceAll("_", "-"),
    given: givenParameters(request.name, request.rawArguments),
    signal: request.signal,
    deadlineAtMs: Date.now() + waitMs(door, settings),
    progress: request.progress,
  });
  try {
    const answer =
      tool.runsOn === "agent"
        ? await runOnAgent(tool, input, context)
        : await runAtEdge(tool.name, input as never, context);
    const data = answer.data as Readonly<Record<string, unknown>>;
    const { pictures } = answer as ToolAnswer<unknown>;
    const fitted = { data, text: answer.text, ...(pictures === undefined ? {} : { pictures }) };
    return {
      tool,
      answer: door === "mcp" ? fitAnswer(tool, fitted, limits.fullCharacters) : fitted,
    };
  } catch (error) {
    throw withJobId(error, input);
  }

  function allowedTool({ name }: ToolRequest): CatalogTool {
    const found = findTool(name);
    const granted = highestScope(principal);
    if (found === null || !toolsOf(toolset).includes(found)) {
      throw unknownTool(name, found, toolsOf(toolset, granted));
    }
    if (!principal.scopes.has(found.scope)) {
      throw new AppError("INSUFFICIENT_SCOPE", `${found.name} needs the scope ${found.scope}.`, {
        hint: "Use a token that has it; this one may read only what its scopes allow.",
        details: { needed: found.scope, granted: [...principal.scopes] },
      });
    }
    return found;
  }
}

function runAtEdge<Name extends EdgeToolName>(
  name: Name,
  input: ToolInput<Name>,
  context: EdgeContext,
): Promise<AnswerOf<Name>> {
  const handlers: EdgeHandlers = edgeHandlers;
  const handler: EdgeHandler<Name> = handlers[name];
  return handler(input, context);
}

function unknownTool(
  name: string,
  found: CatalogTool | null,
  available: readonly CatalogTool[],
): AppError {
  const names = available.map((tool) => tool.name);
  const nearest = nearestName(name.replaceAll("_", "-"), names);
  return new AppError(
    "TOOL_NOT_FOUND",
    found === null
      ? "There is no tool of that name."
      : `${found.name} is not offered at this address.`,
    {
      hint:
        found !== null
          ? `It is at ${pathOf(found)}.`
          : nearest === null
            ? "List the tools first."
            : `Did you mean ${nearest}?`,
      details: { available_tools: names, ...(nearest === null ? {} : { nearest }) },
    },
  );
}

function waitMs(door: DoorName, settings: Settings): number {
  return door === "mcp" ? limits.mcpWaitMs : (settings.httpWaitMs ?? limits.httpWaitMsDefault);
}

/** Deeper than any config is: recursion further in must have a bound. */
function checkDepth(value: unknown): void {
  if (!isDeeperThan(limits.jsonDepth + 1, value)) return;
  throw new AppError(
    "JSON_TOO_DEEP",
    `The arguments are nested deeper than ${limits.jsonDepth} levels.`,
    { hint: "Flatten them." },
  );
}

function givenParameters(calledAs: string, raw: unknown): ReadonlySet<string> {
  const named = applySynonyms(calledAs, (raw ?? {}) as Record<string, unknown>);
  return new Set(
    Object.keys(named).filter((key) => named[key] !== null && named[key] !== undefined),
  );
}

/** A time-out names the job it was about, so that the caller can look instead of starting another. */
function withJobId(error: unknown, input: object): unknown {
  const jobId = "job_id" in input ? input.job_id : undefined;
  if (!(error instanceof AppError) || error.code !== "TOOL_TIMEOUT" || typeof jobId !== "string")
    return error;
  return new AppError(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: { job_id: jobId, ...error.details },
    cause: error,
  });
}
