import { z } from "zod";
import { defineTool } from "./define-tool.ts";
import { agent, count, detail, gpuView, maybe, observation, trainerView } from "./vocabulary.ts";

const uiView = z.object({
  reachable: z.boolean(),
  authorized: z.boolean().describe("It takes AI_TOOLKIT_AUTH."),
  running: count,
  queued: count,
  queues: z.array(z.object({ gpu_ids: z.string(), running: z.boolean() })).optional(),
  version: maybe(z.string()).describe("Known where the toolkit is on this box."),
  problem: maybe(z.string()),
  fix: maybe(z.string()),
});

export const getSystemStats = defineTool({
  name: "get-system-stats",
  title: "Get system stats",
  description:
    "Returns a box's GPU, CPU, memory and disk use, active jobs and trainers. For all boxes at a glance use list-agents. Changes nothing.",
  input: z.strictObject({ agent, detail }),
  output: z.object({
    gpus: z.array(gpuView),
    gpu_name: z.string().nullable(),
    gpu_memory_used: z.number().nullable().describe("MB, first GPU."),
    gpu_memory_total: z.number().nullable().describe("MB, first GPU."),
    gpu_utilization: z.number().nullable(),
    gpu: maybe(z.object({ cuda_available: z.boolean(), note: z.string().optional() })),
    cpu_percent: z.number().nullable(),
    cpu_cores: maybe(count),
    ram_used_gb: z.number().nullable(),
    ram_total_gb: z.number().nullable(),
    memory_percent: z.number().nullable(),
    system_memory: maybe(z.object({ used_gb: z.number(), total_gb: z.number() })),
    disk_usage_percent: z.number().nullable(),
    disk_space: maybe(z.object({ free_gb: z.number(), total_gb: z.number() })),
    disks: z
      .array(
        z.object({
          roots: z.array(z.string()),
          free_gb: z.number(),
          total_gb: z.number(),
          used_percent: z.number().nullable(),
        }),
      )
      .optional(),
    gpu_processes: z
      .array(
        z.object({
          pid: count,
          name: z.string().nullable(),
          gpu_index: count.nullable(),
          memory_used_mb: z.number().nullable(),
          job_id: z.string().nullable(),
        }),
      )
      .optional(),
    active_jobs: count,
    jobs: z
      .array(
        z.object({
          job_id: z.string(),
          job_name: z.string().nullable(),
          status: z.string().nullable(),
          slot: z.string().nullable(),
        }),
      )
      .optional(),
    trainers: z.array(trainerView).optional(),
    ai_toolkit_ui: maybe(uiView).describe("Its Web UI, where the box names its server."),
    ...observation,
  }),
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  scope: "read",
  runsOn: "agent",
  core: false,
});
