/** The steps that train_character and train_style have in common. */
import { agentArgument, datasetArgument, modelArgument, triggerArgument } from "./arguments.ts";
import type { Given, PromptStep } from "./define-prompt.ts";
import { step } from "./define-prompt.ts";

export const trainArguments = {
  dataset: datasetArgument,
  trigger_word: triggerArgument,
  model_name: modelArgument,
  agent: agentArgument,
};

export const trainNeeds = [
  "list-agents",
  "list-datasets",
  "create-upload-link",
  "recommend-training-plan",
  "create-training-config",
  "validate-training-config",
  "run-training-with-guardrails",
  "watch-training-timeseries",
  "get-training-observability",
  "create-download-link",
] as const;

export const trainClose =
  "End with: where the model is, its grade or why there is none, and what you would change next. Start nothing a second time without asking me.";

export interface TrainWords {
  /** What recommend-training-plan knows the goal by. */
  readonly goal: string;
  readonly pictures: string;
  readonly testPrompts: string;
}

export function trainSteps(
  words: TrainWords,
  { dataset, trigger_word, model_name, agent }: Given<keyof typeof trainArguments>,
): readonly PromptStep[] {
  return [
    step("list-agents", {}, "which boxes are connected, with which GPU and trainers."),
    step(
      "list-datasets",
      { agent },
      `${dataset === undefined ? "ask me which dataset to train on" : "look for my dataset"}, with image_count and captions_complete. ${words.pictures}`,
    ),
    step(
      "create-upload-link",
      { dataset_name: dataset, agent },
      "only if pictures or captions are missing: give me the link, and go on when I have uploaded. Every picture needs a caption file of its own name.",
    ),
    step(
      "recommend-training-plan",
      { goal: words.goal, model_name, dataset_path: dataset, agent },
      "tell me the balanced profile's steps, time and memory. Go on if it fits; else take the change that it names.",
    ),
    step(
      "create-training-config",
      { model_name, dataset_path: dataset, trigger_word },
      `with a name, the plan's values${trigger_word === undefined ? ", a trigger_word that is no real word," : ""} and test_prompts: ${words.testPrompts}`,
    ),
    step(
      "validate-training-config",
      {},
      "with config_name. Mend every error it names, then again.",
    ),
    step("run-training-with-guardrails", { agent }, "with config_name. Keep job_id."),
    step(
      "watch-training-timeseries",
      {},
      "with job_id and the cursor of the last answer, until the job has ended. Tell me about alerts, not about every call.",
    ),
    step("get-training-observability", {}, "with job_id: health, loss trend and grade."),
    step("evaluate-lora", {}, "with job_id, if the grade needs its components."),
    step("create-download-link", {}, "with job_id, once its status is completed."),
  ];
}
