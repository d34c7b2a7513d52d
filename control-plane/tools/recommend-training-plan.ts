import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { parseConfigRef } from "@trainyard/shared/names.ts";
import type { DatasetAnalysisView } from "@trainyard/shared/tools/dataset-view.ts";
import type { AnswerOf, ToolInput } from "@trainyard/shared/tools/registry.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { recommendPlan } from "@trainyard/shared/training/plan.ts";
import { z } from "zod";
import type { AgentView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { boxExperience, loadOfDocument } from "./box-experience.ts";
import { chooseAgent } from "./choose-agent.ts";
import { isUnreachable } from "./context.ts";
import type { Detail, EdgeContext, EdgeHandler } from "./context.ts";
import { gpuOf } from "./estimated-run.ts";
import { guideText } from "./guide-text.ts";
import { planAnswer } from "./plan-view.ts";
import { readSavedConfig } from "./saved-config.ts";
import { datasetAnalysis } from "./validation.ts";
import { iso } from "./words.ts";

type Input = ToolInput<"recommend-training-plan">;
type Answer = AnswerOf<"recommend-training-plan">;

export const recommendTrainingPlan: EdgeHandler<"recommend-training-plan"> = async (
  input,
  context,
) => {
  const saved =
    input.config_name === undefined
      ? null
      : await readSavedConfig(context, input.config_name, input.agent);
  const summary = saved === null ? null : readAiToolkitDocument(saved.document);
  const datasetPath = input.dataset_path ?? summary?.datasets[0] ?? null;
  const modelName = input.model_name ?? summary?.modelName ?? null;
  // A model that the caller names is another one than the config's, so the config's arch says nothing of it.
  const arch = input.model_name === undefined ? (summary?.arch ?? null) : null;
  const agent = await boxOf(input, context);
  const [dataset, experience] = await Promise.all([
    input.include_dataset_scan && datasetPath !== null
      ? datasetOf(datasetPath, input, agent, context)
      : Promise.resolve(null),
    boxExperience(agent, context),
  ]);
  const gpu = gpuOf(agent);
  const plan = recommendPlan({
    goal: input.goal ?? "",
    modelName,
    arch,
    images: dataset?.exists === true ? (dataset.total_images ?? null) : null,
    datasetMissing: dataset?.exists === false,
    captionCoveragePct: dataset?.caption_coverage_pct ?? null,
    duplicates: dataset?.duplicate_image_estimate ?? null,
    timeBudgetMinutes: input.time_budget_minutes ?? null,
    targetVramGb: input.target_vram_gb ?? null,
    gpu,
    experience,
    current: saved === null ? null : loadOfDocument(saved.document),
  });
  const detail = context.detail(input.detail);
  const answer = planAnswer(
    {
      plan,
      generatedAt: iso(context.now()),
      inputs: Object.fromEntries(
        Object.entries(input).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, value]],
        ),
      ),
      configName: input.config_name === undefined ? null : parseConfigRef(input.config_name),
      modelGiven: input.model_name !== undefined,
      datasetPath,
      datasetSource:
        datasetPath === null ? null : input.dataset_path === undefined ? "config" : "argument",
      dataset,
      datasetWanted: input.include_dataset_scan,
      maxDatasetFiles: input.max_dataset_files,
      agent,
      gpu,
      ownJobs: experience.length,
    },
    detail,
  );
  return input.include_guide ? withGuide(answer, detail) : answer;
};

/** The guide is longer than a concise answer may be. */
function withGuide({ data, text }: Answer, detail: Detail): Answer {
  const guide = detail === "full" ? guideText("training") : null;
  return guide === null
    ? { data, text: `${text} The guide comes with detail full.` }
    : { data: { ...data, guide }, text };
}

/** A plan needs no box; with several, which one is meant decides what fits. */
async function boxOf(input: Input, context: EdgeContext): Promise<AgentView | null> {
  try {
    return await chooseAgent(context, input.agent);
  } catch (error) {
    const none = error instanceof AppError && error.code === "AGENT_OFFLINE";
    if (none && input.agent === undefined) return null;
    throw error;
  }
}

/** From the box, else what it said last; null when nobody ever looked. */
async function datasetOf(
  path: string,
  input: Input,
  agent: AgentView | null,
  context: EdgeContext,
): Promise<DatasetAnalysisView | null> {
  if (agent === null) return null;
  try {
    const { datasets } = await context.callAgent(agent.agentId, "preflight", {
      trainer: null,
      datasets: [path],
      maxFiles: input.max_dataset_files,
      glanceMs: limits.datasetGlanceMs,
    });
    const [facts] = datasets;
    return facts === undefined ? null : datasetAnalysis(facts);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return keptDataset(path, agent, context);
  }
}

const keptList = z.object({
  data: z.object({
    datasets: z.array(
      z.object({
        name: z.string(),
        image_count: z.number(),
        caption_count: z.number(),
        total_size_bytes: z.number(),
      }),
    ),
  }),
});

/** The answer that list-datasets keeps of a box for when it is off. */
async function keptDataset(
  path: string,
  agent: AgentView,
  { hub }: EdgeContext,
): Promise<DatasetAnalysisView | null> {
  const arguments_ = (await hashJson({})).slice(0, 16);
  const name = path.replace(/\/+$/, "").split("/").at(-1)?.toLowerCase();
  for (const form of ["full", "concise"]) {
    const kept = unwrap(
      await hub.readSnapshot(`list-datasets/${agent.agentId}/${form}/${arguments_}`),
    );
    const list = kept === null ? null : keptList.safeParse(JSON.parse(kept.body)).data;
    const row = list?.data.datasets.find((dataset) => dataset.name.toLowerCase() === name);
    if (row === undefined) continue;
    return {
      dataset_path: `datasets/${row.name}`,
      exists: true,
      total_images: row.image_count,
      caption_non_empty_count: row.caption_count,
      caption_coverage_pct:
        row.image_count === 0
          ? null
          : Math.round((row.caption_count / row.image_count) * 1_000) / 10,
      total_size_bytes: row.total_size_bytes,
    };
  }
  return null;
}
