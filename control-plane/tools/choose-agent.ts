import { AppError } from "@trainyard/shared/errors.ts";
import type { AgentView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "./context.ts";

/** The one box that is meant. `wanted` is an id or a name; without it there must be only one. */
export async function chooseAgent(context: EdgeContext, wanted?: string): Promise<AgentView> {
  const agents = await knownAgents(context);
  if (wanted === undefined) {
    const [only] = agents;
    if (agents.length === 1 && only !== undefined) return only;
    throw only === undefined ? neverConnected() : ambiguous(agents, "There are several boxes.");
  }
  const byId = agents.find((agent) => agent.agentId === wanted);
  if (byId !== undefined) return byId;
  const byName = agents.filter(
    (agent) => agent.capabilities.name.toLowerCase() === wanted.toLowerCase(),
  );
  const [only] = byName;
  if (byName.length === 1 && only !== undefined) return only;
  if (only !== undefined) throw ambiguous(byName, "Several boxes have that name.");
  const enrolled = context.settings.agents.some(
    (agent) => agent.owner === context.principal.owner && agent.agentId === wanted,
  );
  if (enrolled || agents.length === 0) throw neverConnected();
  throw new AppError("INVALID_ARGUMENT", "There is no box of that id or name.", {
    hint: "Call list-agents; give agent an id from there.",
    details: { field: "agent", agents: agents.map((agent) => agent.agentId) },
  });
}

/** Boxes that have connected and are still enrolled. */
export async function knownAgents({ hub, settings, principal }: EdgeContext): Promise<AgentView[]> {
  const enrolled = new Set(
    settings.agents.filter(({ owner }) => owner === principal.owner).map(({ agentId }) => agentId),
  );
  return unwrap(await hub.listAgents()).filter(({ agentId }) => enrolled.has(agentId));
}

function neverConnected(): AppError {
  return new AppError("AGENT_OFFLINE", "No GPU box has connected yet.", {
    hint: "Start the agent on the GPU box (`npm start` or `trainyard agent`), then call list-agents.",
  });
}

function ambiguous(agents: readonly AgentView[], message: string): AppError {
  return new AppError("AMBIGUOUS_AGENT", message, {
    hint: "Give agent one of the ids in details; list-agents shows what each box has.",
    details: {
      agents: agents.map(({ agentId, capabilities, connectivity }) => ({
        agent_id: agentId,
        name: capabilities.name,
        connectivity,
      })),
    },
  });
}
