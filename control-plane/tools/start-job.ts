import { limits } from "@trainyard/shared/limits.ts";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import type { GuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { AppError, wireToError } from "@trainyard/shared/errors.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { parseName } from "@trainyard/shared/names.ts";
import type { DatasetFacts } from "@trainyard/shared/protocol/operations/preflight.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { DocumentSummary } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { validateDocument } from "@trainyard/shared/training/validate.ts";
import type { StoredConfig } from "../hub/config-shelf.ts";
import type { AgentView, StartResult } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent } from "./choose-agent.ts";
import { chooseSlot } from "./choose-slot.ts";
import { checkTrainer, trainerMissing, trainerOn } from "./choose-trainer.ts";
import type { BoxTrainer } from "./choose-trainer.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import { estimatedRun } from "./estimated-run.ts";
import { refusal } from "./refusal.ts";
import { wholeOrNull } from "./config-facts.ts";
import { datasetPaths } from "./box-check.ts";

export interface StartWish {
  readonly tool:
    | "start-training"
    | "run-training-with-guardrails"
    | "evaluate-model"
    | "export-model";
  readonly config: StoredConfig;
  readonly agent: string | undefined;
  readonly gpu: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly forceNew: boolean;
  readonly guardrails: GuardrailRules;
  readonly maxDatasetFiles: number;
  /** The caller said to go on over what the validation found. */
  readonly takesEmptyDataset: boolean;
  readonly confirm: string | undefined;
}

export interface Started {
  readonly result: StartResult;
  /** Its box could be asked about trainer and datasets. */
  readonly checked: boolean;
}

/** One way to a job for both tools. Whatever is refused here has left no trace. */
export async function startJob(wish: StartWish, context: EdgeContext): Promise<Started> {
  const { document } = wish.config;
  const summary = readAiToolkitDocument(document);
  // Composed here of a run that its box has checked; the rules are those of documents for pictures.
  if (summary.trainer !== "llm") refuseUnsafe(document);
  const agent = await chooseAgent(context, wish.agent);
  const trainer = trainerOn(agent, summary.trainer);
  checkTrainer(agent, trainer);
  const checked = await preflight(agent, trainer, wish, context);
  if (checked !== null) await confirmLong(checked.confirmHours, agent, wish, context);
  const datasets = checked?.datasets ?? null;

  const key = await startKey(wish, agent, context);
  const jobId = newJobId();
  const started = await context.hub.startJob({
    ...key,
    snapshot: {
      jobId,
      owner: context.principal.owner,
      agentId: agent.agentId,
      agentName: agent.capabilities.name,
      jobName: jobNameOf(summary, wish.config.name),
      configName: wish.config.name,
      trainer,
      trainerVersion:
        agent.capabilities.trainers.find(({ name }) => name === trainer)?.version ?? null,
      document: { ...document },
      totalSteps: wholeOrNull(summary.steps),
      datasets: [...(datasets ?? [])],
      guardrails: wish.guardrails,
      slot: await chooseSlot(agent, summary.trainer, wish.gpu, context),
      createdAtMs: context.now(),
      createdBy: context.principal.tokenId,
    },
  });
  return { result: unwrap(started), checked: datasets !== null };
}

/** Other errors are the validating tool's to block; these would reach beyond the job, whoever saved the config. */
const unsafe: ReadonlySet<string> = new Set([
  "PLACEHOLDER_REFUSED",
  "POLICY_DENIED",
  "PATH_ESCAPE",
  "CONTROL_CHARACTERS",
  "JSON_TOO_DEEP",
  "INVALID_CONFIG_TYPE",
  "INVALID_CONFIG_ROOT",
  "MISSING_PROCESS",
  "INVALID_MODEL_REF",
  // Loading it would run what is in it.
  "UNSAFE_MODEL_FORMAT",
]);

function refuseUnsafe(document: unknown): void {
  const errors = validateDocument(document).errors.filter(({ code }) => unsafe.has(code));
  if (errors.length > 0) throw refusal(errors);
}

interface Checked {
  readonly datasets: readonly DatasetFacts[];
  readonly confirmHours: number | null;
}

/** Null: the box is off, and the job waits for it unchecked; the box checks again before it starts anything. */
async function preflight(
  agent: AgentView,
  trainer: BoxTrainer,
  wish: StartWish,
  context: EdgeContext,
): Promise<Checked | null> {
  let answer;
  try {
    answer = await context.callAgent(agent.agentId, "preflight", {
      trainer,
      datasets: datasetPaths(wish.config.document),
      maxFiles: wish.maxDatasetFiles,
      glanceMs: limits.datasetGlanceMs,
      document: { ...wish.config.document },
    });
  } catch (error) {
    if (isUnreachable(error)) return null;
    throw error;
  }
  if (answer.trainer !== null && !answer.trainer.found) {
    throw trainerMissing(agent, trainer, answer.trainer.reason);
  }
  const missing = answer.datasets.filter(({ exists, isDirectory }) => !exists || !isDirectory);
  if (missing.length > 0) {
    throw new AppError(
      "DATASET_NOT_FOUND",
      "The box has no dataset of the config's name. Nothing was started.",
      {
        hint: "Upload it with create-upload-link, or choose one of list-datasets and save the config with it.",
        details: { datasets: missing.map(({ reference }) => reference), agent_id: agent.agentId },
      },
    );
  }
  if (answer.problem != null) throw refusedByBox(answer.problem, agent.agentId);
  const empty = answer.datasets.filter(({ images }) => images === 0);
  if (empty.length > 0 && !wish.takesEmptyDataset) {
    throw new AppError(
      "DATASET_EMPTY",
      "The config's dataset holds no picture. Nothing was started.",
      {
        hint: "Upload pictures with create-upload-link, then start again.",
        details: { datasets: empty.map(({ reference }) => reference), agent_id: agent.agentId },
      },
    );
  }
  return { datasets: answer.datasets, confirmHours: answer.confirmHours ?? null };
}

/** What the box's owner wants to be asked about. A time nobody can estimate is nobody's question. */
async function confirmLong(
  confirmHours: number | null,
  agent: AgentView,
  { config, confirm }: StartWish,
  context: EdgeContext,
): Promise<void> {
  if (confirmHours === null || confirm === config.name) return;
  const estimate = await estimatedRun(config.document, agent, context);
  if (estimate === null || estimate.seconds <= confirmHours * 3_600) return;
  const hours = estimate.seconds / 3_600;
  throw new AppError(
    "CONFIRM_REQUIRED",
    `It takes some ${hours < 10 ? hours.toFixed(1) : Math.round(hours)} hours ${estimate.source === "own_jobs" ? "by this box's past jobs" : "by a rough table"}, and its owner wants to be asked above ${confirmHours}. Nothing was started.`,
    {
      hint: "Ask the person, then repeat the call with confirm, the config's name; or train fewer steps.",
      details: {
        confirm: config.name,
        estimated_hours: Math.round(hours * 10) / 10,
        confirm_hours: confirmHours,
      },
    },
  );
}

function refusedByBox(problem: Parameters<typeof wireToError>[0], agentId: string): AppError {
  const { code, message, hint, details } = wireToError(problem);
  return new AppError(code, `${message} Nothing was started.`, {
    ...(hint === undefined ? {} : { hint }),
    details: { ...details, agent_id: agentId },
  });
}

function jobNameOf(summary: DocumentSummary, configName: string): string {
  try {
    return parseName("job", summary.jobName);
  } catch (error) {
    if (error instanceof AppError) return configName;
    throw error;
  }
}

/**
 * An explicit key holds for good and for the same config and box. Without one, the same caller, tool, content and rules
 * within a minute are the same start: a model repeats a call after a time-out.
 */
async function startKey(
  wish: StartWish,
  agent: AgentView,
  { principal }: EdgeContext,
): Promise<{ readonly idempotencyKey: string; readonly argsHash: string }> {
  const what = { tool: wish.tool, config: wish.config.name.toLowerCase(), agent: agent.agentId };
  if (wish.idempotencyKey !== undefined) {
    return { idempotencyKey: `key:${wish.idempotencyKey}`, argsHash: await hashJson(what) };
  }
  const argsHash = await hashJson({
    ...what,
    principal: principal.tokenId,
    document: wish.config.document,
    guardrails: wish.guardrails,
  });
  return {
    idempotencyKey: wish.forceNew ? `new:${crypto.randomUUID()}` : `auto:${argsHash}`,
    argsHash,
  };
}
