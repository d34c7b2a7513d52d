import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { connectivity, count, detail, gpuView, instant, maybe, trainerView } from "./vocabulary.ts";

const agentView = z.object({
  agent_id: z.string(),
  name: z.string(),
  connectivity,
  last_seen_at: instant.nullable(),
  version: maybe(z.string()),
  platform: maybe(z.string()),
  trainers: z.array(trainerView).optional(),
  gpus: z.array(gpuView).optional(),
  active_job_ids: z.array(z.string()),
  queue_length: count,
  epoch: maybe(count),
});
export type AgentView = z.input<typeof agentView>;

export const listAgents = defineTool({
  name: "list-agents",
  title: "List agents",
  description:
    "Lists the GPU boxes: connected or not, trainers, GPUs, active jobs, queue. Call it first, or after AGENT_OFFLINE or AMBIGUOUS_AGENT. Changes nothing.",
  input: z.strictObject({ detail }),
  output: z.object({ agents: z.array(agentView), count }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "edge",
  core: true,
  llm: "too",
});
