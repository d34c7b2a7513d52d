import type { CompleteRequestParams, CompleteResult } from "@modelcontextprotocol/server";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { CompletionSubject } from "@trainyard/shared/prompts/define-prompt.ts";
import { findPrompt } from "@trainyard/shared/prompts/registry.ts";
import { guides, resourceTemplates } from "@trainyard/shared/resources/registry.ts";
import { catalog } from "@trainyard/shared/tools/registry.ts";
import type { Suggested } from "../hub/browsing.ts";
import { runOnAgent } from "../http/agent-tool.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent } from "../tools/choose-agent.ts";
import type { EdgeContext } from "../tools/context.ts";
import { offeredTools, readContext } from "./mcp-door.ts";
import type { McpDoor } from "./mcp-door.ts";

/** What begins with what was typed. An argument that is free text has no suggestions, which is no error. */
export async function complete(
  door: McpDoor,
  { ref, argument, context: earlier }: CompleteRequestParams,
  signal: AbortSignal,
): Promise<CompleteResult> {
  const context = readContext(door, signal, limits.completionWaitMs);
  const subject = subjectOf(door, ref, argument.name);
  const { values, total } =
    subject === null
      ? { values: [], total: 0 }
      : await suggested(subject, argument.value, earlier?.arguments?.["agent"], context);
  const shown = values.slice(0, limits.completionValues);
  return { completion: { values: shown, total, hasMore: total > shown.length } };
}

/** Throws PROMPT_NOT_FOUND or RESOURCE_NOT_FOUND. */
function subjectOf(
  door: McpDoor,
  ref: CompleteRequestParams["ref"],
  name: string,
): CompletionSubject | null {
  if (ref.type === "ref/prompt") {
    const prompt = findPrompt(ref.name, offeredTools(door));
    return Object.hasOwn(prompt.arguments, name)
      ? (prompt.arguments[name]?.completes ?? null)
      : null;
  }
  const template = resourceTemplates.find(({ entry }) => entry.uriTemplate === ref.uri);
  if (template !== undefined) {
    return Object.hasOwn(template.completes, name) ? (template.completes[name] ?? null) : null;
  }
  if (guides.some(({ uri }) => uri === ref.uri)) return null;
  throw new AppError("RESOURCE_NOT_FOUND", "There is no resource template of that form.", {
    hint: "resources/templates/list has them.",
  });
}

async function suggested(
  subject: CompletionSubject,
  typed: string,
  agent: string | undefined,
  context: EdgeContext,
): Promise<Suggested> {
  const request = { typed: typed.slice(0, limits.nameCharacters), count: limits.completionValues };
  switch (subject) {
    case "job":
      return unwrap(await context.hub.browse("job-ids", request));
    case "config":
      return unwrap(await context.hub.browse("config-names", request));
    case "agent":
      return allOf(await agentIds(typed, context));
    case "dataset":
      return allOf(beginning(typed, await datasetNames(agent, context)));
  }
}

function allOf(values: readonly string[]): Suggested {
  return { values, total: values.length };
}

function beginning(typed: string, names: readonly string[]): string[] {
  const folded = typed.toLowerCase();
  return names.filter((name) => name.toLowerCase().startsWith(folded));
}

/** A person knows a box by its name; what is passed on is its id. */
async function agentIds(
  typed: string,
  { hub, settings, principal }: EdgeContext,
): Promise<string[]> {
  const known = unwrap(await hub.listAgents());
  return settings.agents
    .filter(({ owner }) => owner === principal.owner)
    .map(({ agentId }) => agentId)
    .filter((agentId) => {
      const name = known.find((agent) => agent.agentId === agentId)?.capabilities.name ?? agentId;
      return beginning(typed, [agentId, name]).length > 0;
    });
}

interface KeptNames {
  readonly names: readonly string[];
  readonly atMs: number;
}

const kept = new Map<string, KeptNames>();

/** As list-datasets says; a box that is off answers with what it said last, and one that never said anything with nothing. */
async function datasetNames(
  wanted: string | undefined,
  context: EdgeContext,
): Promise<readonly string[]> {
  try {
    const { agentId } = await chooseAgent(context, wanted === "" ? undefined : wanted);
    const key = `${context.principal.owner}/${agentId}`;
    const before = kept.get(key);
    if (before !== undefined && context.now() - before.atMs < limits.completionKeepMs) {
      return before.names;
    }
    const answer = await runOnAgent(
      catalog["list-datasets"],
      { agent: agentId, detail: "full" },
      context,
    );
    const parsed = catalog["list-datasets"].output.pick({ datasets: true }).safeParse(answer.data);
    const names = parsed.success ? parsed.data.datasets.map(({ name }) => name) : [];
    kept.delete(key);
    kept.set(key, { names, atMs: context.now() });
    const oldest = kept.keys().next().value;
    if (kept.size > limits.completionBoxes && oldest !== undefined) kept.delete(oldest);
    return names;
  } catch (error) {
    // No box, several boxes, a box that is away: nothing to suggest, and the prompt itself says why.
    if (error instanceof AppError) return [];
    throw error;
  }
}
