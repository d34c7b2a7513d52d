import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { projectConfigOf } from "@trainyard/shared/llm/project-config.ts";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";
import type { ToolInput } from "@trainyard/shared/tools/registry.ts";
import { readPolicy } from "../policy.ts";
import type { Policy } from "../policy.ts";
import { newProjectPlace } from "../projects/project-place.ts";
import { projectFiles } from "../projects/project-files.ts";
import { writeProject } from "../projects/write-project.ts";
import { localModel } from "../trainers/llm/local-model.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

type Input = ToolInput<"generate-fine-tuning-project">;

export const generateFineTuningProject: AgentToolHandler<"generate-fine-tuning-project"> = async (
  input,
  context,
) => {
  const { home, llm } = context;
  const place = newProjectPlace(home, input.output_dir, input.project_name);
  const { agent: _agent, ...wish } = input;
  const quantization =
    input.base_model.quantization ?? (await standardQuantization(input, context));
  const config = projectConfigOf(wish, quantization);
  const files = await projectFiles(llm.templates, config);
  const created = writeProject(place, files, await hashJson({ ...wish, quantization }));
  const names = [...files.keys()];
  const policy = readPolicy(home, llm.environment);
  const warnings = warningsOf(input, config, policy, llm.known()?.cuda ?? null);
  return {
    data: {
      success: true,
      project_path: place.folder,
      project: place.shown,
      project_structure: {
        config_file: "config/fine_tuning_config.yaml",
        trainer_modules: names.filter((name) => name.startsWith("trainer/")),
        scripts: names.filter((name) => name.startsWith("scripts/")),
        requirements_file: "requirements.txt",
      },
      next_steps: [
        "Upload train.jsonl and valid.jsonl as a dataset (create-upload-link), or put them into data/processed of the project.",
        `Make a run: configure-training-run with project_path ${place.shown}.`,
        "Start it: start-training with project_path and the run_id; follow it with monitor-training-progress.",
        "By hand, on the box: README.md in the project has the commands.",
      ],
      command_examples: {
        train: "python scripts/train.py --config config/fine_tuning_config.yaml",
        evaluate:
          "python scripts/evaluate.py --run-id RUN_ID --test-data data/processed/test.jsonl",
        export:
          "python scripts/export.py --run-id RUN_ID --format safetensors --output exported_model",
      },
      created,
      warnings,
    },
    text: `${created ? `The project is there, ${names.length} files` : "The very same project was there already"}. ${warnings.length === 0 ? "" : `${warnings.length} warnings, see warnings. `}Next: configure-training-run with project_path ${place.shown}.`,
  };
};

/** The document's default is q4; a box that cannot run it trains in full precision instead. */
async function standardQuantization(
  { base_model }: Input,
  { llm }: Parameters<typeof generateFineTuningProject>[1],
): Promise<"q4" | "none"> {
  if (base_model.quantization !== undefined) throw new Error("checked by the caller");
  // Looked at since the agent was started; a call does not wait for a cold disk.
  const found = llm.known();
  return found !== null && found.cuda && found.bitsandbytes ? "q4" : "none";
}

/** What will be refused, or left out, on this box: said now, not when everything is uploaded. */
function warningsOf(
  { base_model, integrations, features }: Input,
  config: ProjectConfig,
  policy: Policy,
  cuda: boolean | null,
): string[] {
  const { quantization } = config.base_model;
  const blocked = (
    [
      ["mlflow", integrations.mlflow_tracking_uri !== undefined],
      ["wandb", integrations.wandb_project !== undefined],
      ["huggingface", features.enable_huggingface_upload],
    ] as const
  ).filter(([service, wanted]) => wanted && !policy.outbound.includes(service));
  return [
    ...(base_model.local_path !== undefined && localModel(base_model.local_path, policy) === null
      ? [
          "local_path is in no model folder of this box: a start will be refused until policy.json names its folder in model_roots.",
        ]
      : []),
    ...(quantization !== "none" && cuda === false
      ? [`${quantization} needs CUDA, which this box does not have: a start will be refused.`]
      : []),
    ...(base_model.quantization === undefined && quantization === "none"
      ? ["quantization is none: q4 needs CUDA and bitsandbytes, which were not found on this box."]
      : []),
    ...blocked.map(
      ([service]) =>
        `Nothing is sent to ${service} from jobs of this box: policy.json does not name it in outbound.`,
    ),
    ...(config.carbon_tracking.enabled
      ? [
          "Emissions are told only with carbon_tracking.country_iso_code (override_params country_iso_code).",
        ]
      : []),
  ];
}
