import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { trainerEnvironment } from "../jobs/environment.ts";

const factsSchema = z.object({
  rows: z.int(),
  sha256: z.string(),
  bytes: z.int(),
  characters_median: z.int(),
  characters_max: z.int(),
  duplicate_rows: z.int(),
  high_quality_rows: z.int().nullable(),
  rows_without_quality: z.int().nullable(),
  effective_rows: z.int(),
});
export type DataFacts = z.infer<typeof factsSchema>;

const answerSchema = z.object({
  datasets: z.array(
    z.union([
      factsSchema.extend({ ok: z.literal(true) }),
      z.object({ ok: z.literal(false), problem: z.string() }),
    ]),
  ),
});

/**
 * Every row of every file, by the project's own script: what it says here is what a training would meet. Null when the files were
 * not read in time. Throws DATASET_INVALID.
 */
export async function checkDatasets(
  { folder, python }: { readonly folder: string; readonly python: string },
  files: readonly { readonly role: string; readonly path: string }[],
  config: ProjectConfig,
): Promise<readonly DataFacts[] | null> {
  const { execa } = await import("execa");
  const { dataset, training } = config;
  const run = await execa(
    python,
    [
      join("scripts", "prepare_dataset.py"),
      "--check",
      ...files.map(({ path }) => path),
      "--format",
      dataset.format,
      "--instruction-field",
      dataset.instruction_field,
      "--output-field",
      dataset.output_field,
      ...(dataset.quality_field === null ? [] : ["--quality-field", dataset.quality_field]),
      "--multiplier",
      String(training.quality_weight_multiplier),
      "--threshold",
      String(training.quality_threshold),
    ],
    {
      cwd: folder,
      env: trainerEnvironment(process.env, { PYTHONDONTWRITEBYTECODE: "1" }),
      extendEnv: false,
      timeout: limits.llmDatasetCheckMs,
      maxBuffer: 1024 * 1024,
      reject: false,
    },
  );
  if (run.timedOut) return null;
  const answer = answerSchema.safeParse(parsed(run.stdout));
  if (!answer.success || answer.data.datasets.length !== files.length) {
    throw new AppError(
      "SCAN_FAILED",
      "The project's own look at the datasets ended with an error.",
      {
        hint: "Run scripts/prepare_dataset.py --check on the box; details has its last line.",
        details: { line: run.stderr.trimEnd().split("\n").at(-1)?.slice(0, 300) ?? "" },
      },
    );
  }
  return answer.data.datasets.map((one, at) => {
    if (one.ok) return one;
    const role = files[at]?.role ?? "";
    throw new AppError("DATASET_INVALID", `The ${role} dataset cannot be trained on.`, {
      hint: "details.problem says which rows; correct them, or the project's instruction_field, output_field or format.",
      details: { dataset: role, problem: one.problem },
    });
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
