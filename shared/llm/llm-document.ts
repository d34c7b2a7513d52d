/** The document of a job that works on a language-model run: AI Toolkit's shape, so that reports and comparisons read it as any other. */
import { z } from "zod";
import type { JsonObject } from "../training/ai-toolkit-document.ts";
import { exportFormats, projectConfigSchema, stagesOf } from "./project-config.ts";

const stage = z.literal([1, 2]);

export const runDataSchema = z.object({
  train: z.string().max(1_024),
  validation: z.string().max(1_024).nullable(),
  test: z.string().max(1_024).nullable(),
});
export type RunData = z.infer<typeof runDataSchema>;

/** What is to be done with which run. Paths are those of the box's answers, not of its disk. */
const llmWorkSchema = z.object({
  kind: z.enum(["train", "evaluate", "export"]),
  project: z.string().min(1).max(1_024),
  run_id: z.string().min(1).max(64),
  /** Null: every stage that is configured. */
  stage: stage.nullable(),
  config: projectConfigSchema,
  data: runDataSchema,
  test_dataset: z.string().max(1_024).nullable().default(null),
  export: z
    .object({
      format: z.enum(exportFormats),
      merge_adapters: z.boolean(),
      hf_repo_id: z.string().max(200).nullable(),
    })
    .nullable()
    .default(null),
});
export type LlmWork = z.output<typeof llmWorkSchema>;

const llmJob = "llm";

export function llmDocument(jobName: string, work: LlmWork): Record<string, unknown> {
  const { config } = work;
  const first =
    work.stage === 2 ? (config.training.stage2 ?? config.training.stage1) : config.training.stage1;
  return {
    job: llmJob,
    config: {
      name: jobName,
      process: [
        {
          type: `llm_${work.kind}`,
          model: {
            name_or_path: config.base_model.local_path ?? config.base_model.model_id,
            quantize: config.base_model.quantization !== "none",
          },
          network: { type: "lora", linear: config.lora.rank, linear_alpha: config.lora.alpha },
          train: {
            ...(work.kind === "train" ? { steps: stepsOf(work) } : {}),
            lr: first.learning_rate,
            batch_size: first.batch_size,
            optimizer: "adamw",
          },
          llm: work,
        },
      ],
    },
  };
}

/** Steps of all stages that are trained. */
export function stepsOf({ config, stage }: Pick<LlmWork, "config" | "stage">): number {
  return stagesOf(config, stage).reduce((sum, { iterations }) => sum + iterations, 0);
}

/** Null for the document of another trainer, or one that says nothing that can be done. */
export function readLlmWork(document: JsonObject): LlmWork | null {
  if (document["job"] !== llmJob) return null;
  const config = document["config"] as JsonObject | undefined;
  const processes = config?.["process"];
  const [first] = Array.isArray(processes) ? (processes as JsonObject[]) : [];
  const parsed = llmWorkSchema.safeParse(first?.["llm"]);
  return parsed.success ? parsed.data : null;
}

/** The same with so many steps in all: a run that is trained further is longer in its last stage. */
export function withSteps(work: LlmWork, steps: number | null): LlmWork {
  const more = steps === null ? 0 : steps - stepsOf(work);
  const last = stagesOf(work.config, work.stage).at(-1);
  if (more === 0 || last === undefined) return work;
  const { training } = work.config;
  const key = last.stage === 2 ? "stage2" : "stage1";
  const longer = { ...training[key], iterations: Math.max(1, last.iterations + more) };
  return {
    ...work,
    config: { ...work.config, training: { ...training, [key]: longer } },
  };
}
