import { limits } from "@trainyard/shared/limits.ts";
import type { AgentView } from "@trainyard/shared/tools/list-agents.ts";
import type * as hub from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { Detail, EdgeHandler } from "./context.ts";
import { iso } from "./words.ts";

export const listAgents: EdgeHandler<"list-agents"> = async (input, context) => {
  const { hub, settings, principal } = context;
  const detail = context.detail(input.detail);
  const known = unwrap(await hub.listAgents());
  const enrolled = settings.agents.filter(({ owner }) => owner === principal.owner);
  const agents = enrolled.map(({ agentId }) => {
    const seen = known.find((agent) => agent.agentId === agentId);
    return seen === undefined ? neverSeen(agentId) : agentView(seen, detail);
  });
  const live = agents.filter(({ connectivity }) => connectivity === "live").length;
  const shown = detail === "concise" ? fitting(agents) : agents;
  return {
    data: { agents: shown, count: agents.length },
    text:
      agents.length === 0
        ? "No GPU box is enrolled. Next: join one with `trainyard up` or docs/deploy.md."
        : `${agents.length === 1 ? "1 GPU box" : `${agents.length} GPU boxes`}, ${live} connected.${shown.length < agents.length ? ` Showing ${shown.length}; detail full has all.` : ""} ${live === 0 ? "Start the agent on the box; a job started now waits for it." : "Next: list-datasets, then create-training-config."}`,
  };
};

function agentView(agent: hub.AgentView, detail: Detail): AgentView {
  const { capabilities } = agent;
  const trainers = capabilities.trainers.map(({ name, found, version, reason }) => ({
    name,
    found,
    ...(detail === "full" ? { version, reason } : {}),
  }));
  const short: AgentView = {
    agent_id: agent.agentId,
    name: capabilities.name,
    connectivity: agent.connectivity,
    last_seen_at: iso(agent.seenAtMs),
    trainers: detail === "full" ? trainers : trainers.filter(({ found }) => found),
    gpus: capabilities.gpus.map(({ index, name, memoryMib }) => ({
      index,
      name,
      // The contract speaks of MB as nvidia-smi does, which counts in MiB.
      memory_total_mb: memoryMib,
    })),
    active_job_ids: detail === "full" ? [...agent.activeJobIds] : agent.activeJobIds.slice(0, 4),
    queue_length: agent.queueLength,
  };
  if (detail === "concise") return short;
  return {
    ...short,
    version: capabilities.software,
    platform: capabilities.platform,
    epoch: agent.epoch,
  };
}

function neverSeen(agentId: string): AgentView {
  return {
    agent_id: agentId,
    name: agentId,
    connectivity: "offline",
    last_seen_at: null,
    active_job_ids: [],
    queue_length: 0,
  };
}

function fitting(agents: readonly AgentView[]): AgentView[] {
  let characters = 0;
  return agents.filter(
    (agent, at) =>
      (characters += JSON.stringify(agent).length + 1) <= limits.conciseCharacters - 350 ||
      at === 0,
  );
}
