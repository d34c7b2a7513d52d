import { AppError } from "@trainyard/shared/errors.ts";
import type { CatalogTool } from "@trainyard/shared/tools/registry.ts";
import { toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";
import type { Env, Principal, Settings } from "../env.ts";
import { highestScope } from "../http/auth.ts";
import { createContext } from "../tools/context.ts";
import type { EdgeContext } from "../tools/context.ts";

/** What one MCP request came with: who asks, over which path, in which era. */
export interface McpDoor {
  readonly env: Env;
  readonly settings: Settings;
  readonly principal: Principal;
  readonly toolset: Toolset;
  /** Scheme, host and port the caller used. */
  readonly origin: string;
  readonly requestId: string;
  readonly era: "legacy" | "modern";
}

export interface CacheHint {
  readonly ttlMs: number;
  readonly cacheScope: "public" | "private";
}

/** Fields of a result that bring their own hint; the 2025 revisions know none. */
export function cacheFields({ era }: McpDoor, hint: CacheHint): Partial<CacheHint> {
  return era === "modern" ? hint : {};
}

/** What the tools read with, under the same owner; `waitMs` bounds a question to a box. */
export function readContext(door: McpDoor, signal: AbortSignal, waitMs: number): EdgeContext {
  requireRead(door.principal);
  return createContext({
    env: door.env,
    settings: door.settings,
    principal: door.principal,
    origin: door.origin,
    door: "mcp",
    calledAs: "",
    given: new Set(),
    signal,
    deadlineAtMs: Date.now() + waitMs,
  });
}

/** What reads by a tool needs the scope `read` here too. */
export function requireRead(principal: Principal): void {
  if (principal.scopes.has("read")) return;
  throw new AppError("INSUFFICIENT_SCOPE", "Reading needs the scope read.", {
    hint: "Use a token that has it.",
    details: { needed: "read", granted: [...principal.scopes] },
  });
}

export function offeredTools({ toolset, principal }: McpDoor): readonly CatalogTool[] {
  return toolsOf(toolset, highestScope(principal));
}
