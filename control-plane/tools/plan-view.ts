import type { DatasetAnalysisView } from "@trainyard/shared/tools/dataset-view.ts";
import type { AnswerOf, ToolOutput } from "@trainyard/shared/tools/registry.ts";
import type { JsonDocument } from "@trainyard/shared/tools/vocabulary.ts";
import type { PlanGpu } from "@trainyard/shared/training/box-experience.ts";
import { planFamilyOf } from "@trainyard/shared/training/plan-families.ts";
import { memorySentence } from "@trainyard/shared/training/plan-words.ts";
import type {
  FitAnswer,
  MemoryAnswer,
  Plan,
  PlanProfile,
} from "@trainyard/shared/training/plan-request.ts";
import type { AgentView } from "../hub/hub.ts";
import type { Detail } from "./context.ts";
import { duration, iso } from "./words.ts";

type Output = ToolOutput<"recommend-training-plan">;
type PlanOut = Output["plan"];

export interface PlanFacts {
  readonly plan: Plan;
  readonly generatedAt: string;
  readonly inputs: JsonDocument;
  readonly configName: string | null;
  readonly modelGiven: boolean;
  readonly datasetPath: string | null;
  readonly datasetSource: "argument" | "config" | null;
  readonly dataset: DatasetAnalysisView | null;
  readonly datasetWanted: boolean;
  readonly maxDatasetFiles: number;
  readonly agent: AgentView | null;
  readonly gpu: PlanGpu;
  readonly ownJobs: number;
}

export function planAnswer(facts: PlanFacts, detail: Detail): AnswerOf<"recommend-training-plan"> {
  const { plan } = facts;
  const call = nextCall(facts);
  const missing = plan.warnings.find(({ code }) => code === "DATASET_NOT_FOUND");
  const dataset = missing === undefined ? "" : `${missing.message} `;
  const text = `${headline(plan)} ${memorySentence(plan)} ${dataset}Next: ${nextWords(call)}.`;
  const short: Output = {
    generated_at: facts.generatedAt,
    plan: conciseView(plan),
    next_call: call,
  };
  if (detail === "concise") return { data: short, text };
  return {
    data: {
      ...short,
      inputs: facts.inputs,
      context: {
        config_name: facts.configName,
        config_source: facts.modelGiven
          ? "argument"
          : facts.configName === null
            ? "heuristic_default"
            : "saved_config",
        dataset_source: facts.datasetSource,
        max_dataset_files: facts.maxDatasetFiles,
      },
      dataset_analysis: datasetView(facts),
      system_snapshot: {
        gpu_name: facts.gpu.name,
        gpu_memory_total: facts.gpu.memoryMib,
        agent_id: facts.agent?.agentId ?? null,
        own_jobs: facts.ownJobs,
        observed_at: facts.agent === null ? null : iso(facts.agent.seenAtMs),
        connectivity: facts.agent?.connectivity ?? "offline",
      },
      plan: fullView(facts),
      next_actions: nextActions(call),
    },
    text,
  };
}

const critical: ReadonlySet<string> = new Set([
  "DOES_NOT_FIT",
  "DATASET_EMPTY",
  "DATASET_NOT_FOUND",
]);

function headline({ recommended, family }: Plan): string {
  const { resolution, batchSize, rank, steps, estimatedMinutes } = recommended;
  const time = estimatedMinutes === null ? "" : `, about ${duration(estimatedMinutes * 60)}`;
  return `${family?.label ?? "Unknown family"}: ${steps} steps at ${resolution}, batch ${batchSize}, rank ${rank}${time}.`;
}

/** Numbers to act on; warnings by their first sentences. */
function conciseView(plan: Plan): PlanOut {
  const { memory, speed } = plan;
  return {
    ...identity(plan),
    recommended_plan: conciseProfile(plan.recommended),
    memory: {
      memory_source: memory.source,
      needed_mb: memory.neededMib,
      available_mb: memory.availableMib,
      verdict: memory.verdict,
      job_ids: memory.jobIds.slice(0, 1),
    },
    speed: {
      speed_source: speed.source,
      steps_per_second: rounded(speed.stepsPerSecond),
      job_ids: speed.jobIds.slice(0, 1),
    },
    warnings: plan.warnings.slice(0, 2).map(({ message }) => message),
  };
}

function fullView({ plan, dataset, inputs }: PlanFacts): PlanOut {
  const { speed } = plan;
  const stepsPerSecond = speed.stepsPerSecond;
  const budget = inputs["time_budget_minutes"];
  return {
    ...identity(plan),
    confidence_parts: { ...plan.confidenceParts },
    recommended_plan: profileView(plan.recommended),
    alternative_plans: plan.alternatives.map(profileView),
    memory: memoryView(plan.memory),
    speed: {
      speed_source: speed.source,
      steps_per_second: rounded(stepsPerSecond),
      uncertainty_pct: speed.uncertaintyPct,
      job_ids: [...speed.jobIds],
      overhead_ratio: Number(speed.overheadRatio.toFixed(2)),
    },
    wanted: fitView(plan.wanted),
    config_fit: plan.current === null ? null : fitView(plan.current),
    would_fit: plan.wouldFit.map(({ modelName, resolution, mib }) => ({
      model_name: modelName,
      resolution,
      memory_mb: mib,
    })),
    assumptions: {
      dataset_images: dataset?.total_images ?? null,
      caption_coverage_pct: dataset?.caption_coverage_pct ?? null,
      target_vram_gb: plan.vramGb,
      vram_source: plan.vramSource,
      time_budget_minutes: typeof budget === "number" ? budget : null,
      throughput_steps_per_min: stepsPerSecond === null ? null : rounded(stepsPerSecond * 60),
    },
    warnings: plan.warnings.map(({ message }) => message),
    findings: plan.warnings.map(({ code, message, fix }) => ({
      code,
      severity: critical.has(code) ? "critical" : "warning",
      message,
      ...(fix === undefined ? {} : { fix }),
    })),
    rationale: [...plan.rationale],
  };
}

function identity(plan: Plan) {
  return {
    plan_version: plan.version,
    goal_profile: plan.goalProfile,
    model_family: plan.family?.name ?? null,
    is_flux_model: plan.isFluxModel,
    confidence: plan.confidence,
  };
}

/** Without the model's name, which may be long and stands in next_call. */
function conciseProfile(profile: PlanProfile): PlanOut["recommended_plan"] {
  return {
    profile: profile.profile,
    resolution: profile.resolution,
    batch_size: profile.batchSize,
    learning_rate: profile.learningRate,
    steps: profile.steps,
    rank: profile.rank,
    alpha: profile.alpha,
    low_vram: profile.lowVram,
    quantize: profile.quantize,
    estimated_minutes: profile.estimatedMinutes,
    fits: profile.fits,
  };
}

function profileView(profile: PlanProfile): PlanOut["recommended_plan"] {
  return {
    ...conciseProfile(profile),
    model_name: profile.modelName,
    memory_mb: profile.memoryMib,
    clipped: profile.clipped,
    within_budget: profile.withinBudget,
  };
}

function memoryView(memory: MemoryAnswer): PlanOut["memory"] {
  return {
    memory_source: memory.source,
    needed_mb: memory.neededMib,
    uncertainty_pct: memory.uncertaintyPct,
    available_mb: memory.availableMib,
    verdict: memory.verdict,
    job_ids: [...memory.jobIds],
    proven_by: memory.provenBy,
    refuted_by: memory.refutedBy,
  };
}

function fitView({ load, memory, changes, thenMib }: FitAnswer): NonNullable<PlanOut["wanted"]> {
  return {
    resolution: load.resolution,
    batch_size: load.batchSize,
    rank: load.rank,
    low_vram: load.lowVram,
    quantize: load.quantize,
    memory: memoryView(memory),
    cheapest_change: changes === null ? null : changes.map((change) => ({ ...change })),
    then_needed_mb: thenMib,
  };
}

function datasetView({ dataset, datasetWanted, datasetPath }: PlanFacts): DatasetAnalysisView {
  if (dataset !== null) return dataset;
  if (!datasetWanted || datasetPath === null) return { skipped: true };
  return { dataset_path: datasetPath, error: "agent_offline" };
}

/** The exact call that makes the plan real; null where nothing of this plan would run. */
function nextCall({ plan, datasetPath, inputs }: PlanFacts): Output["next_call"] {
  const { recommended, family, memory, wouldFit } = plan;
  if (memory.verdict === "does_not_fit") {
    const [other] = wouldFit;
    if (other === undefined) return null;
    return {
      tool: "recommend-training-plan",
      arguments: {
        // Not config_name: the config's own model is the one that does not fit. A long goal has told its kind already.
        ...Object.fromEntries(
          ["goal", "time_budget_minutes", "target_vram_gb", "agent"].flatMap((key) => {
            const value = inputs[key];
            return value === undefined || JSON.stringify(value).length > 120 ? [] : [[key, value]];
          }),
        ),
        ...(datasetPath === null ? {} : { dataset_path: datasetPath }),
        model_name: other.modelName,
      },
    };
  }
  const dataset = datasetPath?.replace(/\/+$/, "").split("/").at(-1) ?? "<dataset>";
  const named = planFamilyOf(recommended.modelName, null)?.name === family?.name;
  const arch: JsonDocument = named || family === null ? {} : { arch: family.archs[0] ?? null };
  return {
    tool: "create-training-config",
    arguments: {
      name: configNameOf(dataset, family?.name ?? "lora"),
      model_name: recommended.modelName,
      dataset_path: dataset,
      resolution: recommended.resolution,
      batch_size: recommended.batchSize,
      learning_rate: recommended.learningRate,
      steps: recommended.steps,
      rank: recommended.rank,
      alpha: recommended.alpha,
      low_vram: recommended.lowVram,
      quantize: recommended.quantize,
      ...arch,
    },
  };
}

function configNameOf(dataset: string, family: string): string {
  const stem = dataset.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return `${(stem || "my").slice(0, 50)}-${family}`;
}

function nextWords(call: Output["next_call"]): string {
  return call === null
    ? "choose a smaller model or a larger card"
    : `${call.tool} with the arguments in next_call`;
}

function nextActions(call: Output["next_call"]): string[] {
  return [
    `${nextWords(call)}; put the trigger word and three to six test prompts in it.`,
    "validate-training-config with that config_name, then run-training-with-guardrails.",
    "get-training-status while it runs, and evaluate-lora when it has ended: the best checkpoint is often not the last.",
  ];
}

function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3));
}
