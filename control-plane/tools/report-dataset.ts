import { limits } from "@trainyard/shared/limits.ts";
import type { RunFacts } from "@trainyard/shared/analysis/run-facts.ts";
import { datasetFactsOf } from "../job/run-facts.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import type { GatheredRun } from "./gather-runs.ts";

export interface ReportDataset {
  readonly facts: RunFacts;
  readonly resolution: {
    readonly dataset_path: string | null;
    readonly dataset_source: "config" | "argument" | null;
    readonly reason?: "box_not_reachable";
  };
}

/**
 * The run with the dataset to judge it by: what the job was started with, or another one that the caller names, which the
 * box is asked for. Where the box cannot be asked that one is unknown, and not the job's own.
 */
export async function withDataset(
  { facts, view }: GatheredRun,
  wanted: { readonly path: string | undefined; readonly maxFiles: number },
  context: EdgeContext,
): Promise<ReportDataset> {
  const own = facts.dataset?.path ?? facts.config.datasetPath;
  const { path } = wanted;
  if (path === undefined) {
    const source = own === null ? null : "config";
    return { facts, resolution: { dataset_path: own, dataset_source: source } };
  }
  const asked = { dataset_path: path, dataset_source: "argument" } as const;
  if (own !== null && sameDataset(own, path)) return { facts, resolution: asked };
  try {
    const { datasets } = await context.callAgent(view.summary.agentId, "preflight", {
      trainer: null,
      datasets: [path],
      maxFiles: wanted.maxFiles,
      glanceMs: limits.datasetGlanceMs,
    });
    const dataset = datasetFactsOf(datasets);
    return {
      facts: { ...facts, dataset, config: { ...facts.config, datasetPath: path } },
      resolution: { ...asked, dataset_path: dataset?.path ?? path },
    };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return {
      facts: { ...facts, dataset: null, config: { ...facts.config, datasetPath: path } },
      resolution: { ...asked, reason: "box_not_reachable" },
    };
  }
}

/** `x`, `datasets/x` and `/ai-toolkit/datasets/x` are the same dataset. */
export function sameDataset(a: string, b: string): boolean {
  return lastSegment(a) === lastSegment(b);
}

function lastSegment(path: string): string | undefined {
  return path.replace(/\/+$/, "").split("/").at(-1)?.toLowerCase();
}
