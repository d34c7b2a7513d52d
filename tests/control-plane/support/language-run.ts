import { AppError } from "@trainyard/shared/errors.ts";
import { projectConfigOf } from "@trainyard/shared/llm/project-config.ts";
import type { Item } from "@trainyard/shared/protocol/items.ts";
import { generateFineTuningProject } from "@trainyard/shared/tools/generate-fine-tuning-project.ts";
import { fullCapabilities } from "./scripted-agent.ts";
import type { Script } from "./scripted-agent.ts";

const config = projectConfigOf(
  generateFineTuningProject.input.parse({
    project_name: "health",
    base_model: { type: "llama", model_id: "meta-llama/Llama-3.2-1B" },
    training: { num_stages: 2, stage1_iterations: 20, stage2_iterations: 30 },
  }),
  "none",
);

export const llmCapabilities = {
  trainers: [
    ...fullCapabilities.trainers,
    { name: "llm", found: true, version: "x", reason: null },
  ],
};

/** A box whose only project, `projects/health`, has this run; the stages in `trained` left adapters. */
export function runScript(runId: string, trained: readonly number[]): Script {
  return {
    "read-run": (args) => {
      if (args.runId !== runId) throw new AppError("RUN_NOT_FOUND", "no", { hint: "make one" });
      return {
        project: "projects/health",
        path: "/home/me/.trainyard/projects/health",
        runId,
        config,
        data: {
          train: "datasets/d/train.jsonl",
          validation: null,
          test: "datasets/d/test.jsonl",
        },
        trained: [...trained],
      };
    },
  };
}

export const runningItem: Item = { kind: "state", atMs: 1, state: "running", startStep: 0 };

/** What a project's evaluate.py writes. */
export const evaluationRecord = {
  accuracy: 0.5,
  perplexity: 4,
  loss: Math.log(4),
  tokens: 100,
  rows: 10,
  custom_metrics: { bleu: null },
  notes: { bleu: "sacrebleu is not installed" },
  meets_threshold: false,
};

/** Ends every job of a run as soon as it is given to the box; `result` is the record that it leaves. */
export function endingScript(
  state: "completed" | "failed",
  result: Record<string, unknown>,
): Script {
  const ended: Item = { kind: "state", atMs: 99, state, failure: null, evidence: {} };
  return {
    "start-attempt": ({ jobId, trainer }, agent) => {
      if (trainer === "llm")
        queueMicrotask(
          () =>
            void agent.events(jobId, [runningItem, ended], {
              state,
              currentStep: 4,
              totalSteps: 4,
            }),
        );
      return { accepted: true };
    },
    "read-result": ({ kind }) => ({ path: `outputs/x/${kind}.json`, result }),
  };
}
