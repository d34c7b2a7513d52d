import { CLIENT_CAPABILITIES_META_KEY } from "@modelcontextprotocol/server";
import type { ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { tasksExtension } from "./task.ts";

/** What this client can do, of what the 2026-07-28 revision lets a server ask for. Nothing in the 2025 ones. */
export interface ClientAbilities {
  /** Shows a person a form and brings what was filled in. */
  readonly asksPeople: boolean;
  readonly asksModels: boolean;
  readonly namesRoots: boolean;
  readonly followsTasks: boolean;
}

const some = z.record(z.string(), z.unknown());

const declaredSchema = z.object({
  elicitation: some.optional(),
  sampling: some.optional(),
  roots: some.optional(),
  extensions: some.optional(),
});

/**
 * Each request of the 2026-07-28 revision declares them anew. A 2025 client declares them in `initialize`, which a stateless server
 * has forgotten at the next request; it could not be asked anything either.
 */
export function abilitiesOf({ mcpReq }: ServerContext): ClientAbilities {
  const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {};
  const declared = declaredSchema.safeParse(envelope[CLIENT_CAPABILITIES_META_KEY]).data ?? {};
  const { elicitation, sampling, roots, extensions } = declared;
  return {
    // Declared without a mode it means forms.
    asksPeople: elicitation !== undefined && ("form" in elicitation || !("url" in elicitation)),
    asksModels: sampling !== undefined,
    namesRoots: roots !== undefined,
    followsTasks: extensions !== undefined && Object.hasOwn(extensions, tasksExtension),
  };
}
