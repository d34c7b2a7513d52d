import { AppError } from "@trainyard/shared/errors.ts";
import type { OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type {
  CompanionFacts,
  DatasetFacts as BoxFacts,
} from "@trainyard/shared/protocol/operations/preflight.ts";
import { limits } from "@trainyard/shared/limits.ts";
import {
  companionsOf,
  datasetPathOf,
  datasetsOf,
  isObject,
  processesOf,
  readAiToolkitDocument,
} from "@trainyard/shared/training/ai-toolkit-document.ts";
import { error, shown, warning } from "@trainyard/shared/training/finding.ts";
import type { Finding } from "@trainyard/shared/training/finding.ts";
import type { AgentView } from "../hub/hub.ts";
import { chooseAgent } from "./choose-agent.ts";
import { trainerOn } from "./choose-trainer.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";

export interface BoxCheck {
  /** Of the datasets; null: no box could be asked. */
  readonly facts: readonly BoxFacts[] | null;
  /** Of folders of masks, control images and the like. */
  readonly companions: readonly CompanionFacts[];
  /** Why not, when it was wanted. */
  readonly reason: string | null;
  readonly model: OperationValue<"preflight">["model"];
  readonly cuda: boolean | undefined;
  /** What the box would refuse at the start. */
  readonly refusals: readonly Finding[];
}

export const notAsked: BoxCheck = {
  facts: null,
  companions: [],
  reason: null,
  model: null,
  cuda: undefined,
  refusals: [],
};

/** What the box knows of all that a document names. A box that cannot be asked is a warning, not a failure. */
export async function checkOnBox(
  document: unknown,
  options: { readonly agent: string | undefined; readonly maxFiles: number },
  context: EdgeContext,
): Promise<BoxCheck> {
  const datasets = datasetPaths(document);
  if (datasets.length === 0 || !isObject(document)) return notAsked;
  let agent: AgentView;
  try {
    agent = await chooseAgent(context, options.agent);
  } catch (error) {
    if (!(error instanceof AppError) || options.agent !== undefined) throw error;
    return { ...notAsked, reason: error.message };
  }
  try {
    const answer = await context.callAgent(agent.agentId, "preflight", {
      trainer: trainerOn(agent, readAiToolkitDocument(document).trainer),
      datasets,
      maxFiles: options.maxFiles,
      glanceMs: limits.datasetGlanceMs,
      companions: companionPaths(document),
      document: { ...document },
    });
    return {
      facts: answer.datasets,
      companions: answer.companions ?? [],
      reason: null,
      model: answer.model ?? null,
      cuda: agent.capabilities.gpus.length > 0,
      refusals: refusalsOf(answer),
    };
  } catch (error) {
    if (isUnreachable(error)) return { ...notAsked, reason: error.message };
    throw error;
  }
}

function refusalsOf({ trainer, problem }: OperationValue<"preflight">): Finding[] {
  if (trainer !== null && !trainer.found) {
    return [
      warning("TRAINER_NOT_FOUND", "The box cannot run this config: its trainer is not there.", {
        ...(trainer.reason === null ? {} : { value: shown(trainer.reason) }),
        fix: "get-system-stats says what each trainer wants.",
      }),
    ];
  }
  if (problem == null) return [];
  const field = problem.details?.["field"];
  return [
    error(problem.code, problem.message, {
      ...(typeof field === "string" ? { field } : {}),
      ...(problem.hint === undefined ? {} : { fix: problem.hint }),
    }),
  ];
}

/** Bounded as the operation is: a document may name more than a box should look at for one question. */
export function datasetPaths(document: unknown): string[] {
  const paths = new Set(readAiToolkitDocument(document).datasets);
  return [...paths].filter((path) => path.length <= 300).slice(0, 50);
}

function companionPaths(document: unknown): { dataset: string; folder: string }[] {
  return processesOf(document)
    .flatMap(datasetsOf)
    .flatMap((dataset) => {
      const images = datasetPathOf(dataset);
      return images === null
        ? []
        : companionsOf(dataset).map(({ folder }) => ({ dataset: images, folder }));
    })
    .filter(({ dataset, folder }) => dataset.length <= 300 && folder.length <= 300)
    .slice(0, 50);
}
