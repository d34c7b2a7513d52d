import type { HardwareFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { getSystemStats } from "@trainyard/shared/tools/get-system-stats.ts";
import { z } from "zod";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { unknownHardware } from "./gather-runs.ts";
import type { EdgeContext } from "./context.ts";

const stats = z.object({ data: getSystemStats.output.partial() });

export interface BoxHardware {
  readonly facts: HardwareFacts;
  readonly observedAtMs: number;
}

/**
 * The box's figures for the slot of a job: what get-system-stats said last, asked anew of a live box when that is older than
 * `maxAgeMs`. A box that is off or slow is no reason to wait: null, or the older answer.
 */
export async function boxHardware(
  view: JobView,
  maxAgeMs: number,
  context: EdgeContext,
): Promise<BoxHardware | null> {
  const { agentId, slot } = view.summary;
  const key = `get-system-stats/${agentId}/full/${(await hashJson({})).slice(0, 16)}`;
  const kept = unwrap(await context.hub.readSnapshot(key));
  const fresh =
    view.connectivity !== "live" || (kept !== null && context.now() - kept.atMs < maxAgeMs)
      ? null
      : await askBox(agentId, key, context);
  const body = fresh?.body ?? kept?.body;
  const parsed = body === undefined ? null : stats.safeParse(JSON.parse(body));
  if (parsed === null || !parsed.success) return null;
  return {
    facts: factsOf(parsed.data.data, slot),
    observedAtMs: fresh?.atMs ?? kept?.atMs ?? context.now(),
  };
}

async function askBox(
  agentId: string,
  key: string,
  context: EdgeContext,
): Promise<{ readonly body: string; readonly atMs: number } | null> {
  const asked = context.hub.call(agentId, "tool", {
    tool: "get-system-stats",
    arguments: { detail: "full" },
  });
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limits.hardwareWaitMs);
  });
  const answer = await Promise.race([asked, late]);
  if (timer !== null) clearTimeout(timer);
  if (answer === null || !answer.ok) return null;
  const parsed = toolAnswer.safeParse(answer.value);
  if (!parsed.success) return null;
  const atMs = context.now();
  const data = {
    ...parsed.data.data,
    observed_at: new Date(atMs).toISOString(),
    connectivity: "live",
  };
  const body = JSON.stringify({ data, text: parsed.data.text });
  unwrap(await context.hub.keepSnapshot(key, body));
  return { body, atMs };
}

const toolAnswer = z.object({ data: z.record(z.string(), z.unknown()), text: z.string() });

function factsOf(data: z.output<typeof stats>["data"], slot: string): HardwareFacts {
  const gpu = data.gpus?.find(({ index }) => `gpu:${index}` === slot);
  return {
    ...unknownHardware,
    gpuName: gpu?.name ?? null,
    gpuMemoryTotalMb: gpu?.memory_total_mb ?? null,
    gpuMemoryUsedMb: gpu?.memory_used_mb ?? null,
    gpuUtilizationPct: gpu?.utilization_pct ?? null,
    gpuTemperatureC: gpu?.temperature_c ?? null,
    cpuPercent: data.cpu_percent ?? null,
    ramUsedGb: data.ram_used_gb ?? null,
    ramTotalGb: data.ram_total_gb ?? null,
    activeJobs: data.active_jobs ?? null,
  };
}
