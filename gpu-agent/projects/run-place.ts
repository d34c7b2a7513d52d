import { readFileSync } from "node:fs";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { runDataSchema } from "@trainyard/shared/llm/llm-document.ts";
import type { RunData } from "@trainyard/shared/llm/llm-document.ts";
import { checkedConfig } from "@trainyard/shared/llm/override-config.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseName } from "@trainyard/shared/names.ts";
import { openInside } from "../safe-path.ts";
import type { ProjectPlace } from "./project-place.ts";

/** A run as `runs/<id>/` of its project keeps it. */
export interface RunRecord {
  readonly runId: string;
  readonly config: ProjectConfig;
  /** As the caller named them; `resolveDataFile` knows where they are. */
  readonly data: RunData;
  readonly stages: readonly { readonly stage: 1 | 2; readonly adapters: string | null }[];
}

export const runConfigFile = "run-config.json";
export const manifestFile = "run-manifest.json";

const keptSchema = z.object({ config: z.unknown(), references: runDataSchema });
/** The scripts write it: only what is used here is looked at. */
const manifestSchema = z.object({
  stages: z.record(z.string(), z.object({ adapters: z.string().nullish() })),
});

/** Throws RUN_NOT_FOUND, and CONFIG_INVALID for a record that was changed into none. */
export function readRun({ root, segments }: ProjectPlace, wanted: string): RunRecord {
  const runId = parseName("run", wanted);
  const below = [...segments, "runs", runId];
  const kept = keptSchema.safeParse(readRecord(root, [...below, runConfigFile]));
  const manifest = manifestSchema.safeParse(readRecord(root, [...below, manifestFile]));
  if (!kept.success || !manifest.success) {
    throw new AppError("CONFIG_INVALID", "The record of this run on the box is damaged.", {
      hint: "Make the run again with configure-training-run.",
      details: { run_id: runId },
    });
  }
  return {
    runId,
    config: checkedConfig(kept.data.config, "CONFIG_INVALID"),
    data: kept.data.references,
    stages: ([1, 2] as const).flatMap((stage) => {
      const known = manifest.data.stages[String(stage)];
      return known === undefined ? [] : [{ stage, adapters: known.adapters ?? null }];
    }),
  };
}

function readRecord(root: string, segments: readonly string[]): unknown {
  let file;
  try {
    file = openInside(root, segments);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "NOT_FOUND") throw error;
    throw new AppError("RUN_NOT_FOUND", "The project has no such run.", {
      hint: "Make one with configure-training-run, and give its run_id.",
      details: { run_id: segments.at(-2)?.slice(0, 80) },
    });
  }
  try {
    if (file.stat.size > limits.runRecordBytes) return null;
    return JSON.parse(readFileSync(file.descriptor, "utf8")) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  } finally {
    file.close();
  }
}
