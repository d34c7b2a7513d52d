import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProjectConfig } from "@trainyard/shared/llm/project-config.ts";

/** A project's files by their paths in it, folders that begin empty among them as a file that keeps them. */
export async function projectFiles(
  templates: string,
  config: ProjectConfig,
): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const { stringify } = await import("yaml");
  const { name } = config.project;
  const files = new Map<string, string | Uint8Array>(templateFiles(templates, []));
  files.set(
    "config/fine_tuning_config.yaml",
    `# Every setting: see README.md. FINETUNE_<SECTION>__<KEY> in the environment overrides one.\n${stringify(config)}`,
  );
  files.set(
    "config/model_config.json",
    `${JSON.stringify({ ...config.base_model, lora: config.lora }, null, 2)}\n`,
  );
  files.set("requirements.txt", `${requirementsOf(config).join("\n")}\n`);
  files.set(
    "pyproject.toml",
    `[project]\nname = "${name.toLowerCase()}"\nversion = "1.0.0"\nrequires-python = ">=3.10"\n`,
  );
  files.set(".env.example", environmentExample);
  files.set(".gitignore", ".venv/\n__pycache__/\nruns/\nlogs/\n.env\n");
  files.set("README.md", readme(config));
  for (const folder of ["data/raw", "data/processed", "data/quality_reports", "runs", "logs"])
    files.set(`${folder}/.gitkeep`, "");
  return files;
}

function templateFiles(
  root: string,
  segments: readonly string[],
): (readonly [string, Uint8Array])[] {
  return readdirSync(join(root, ...segments), { withFileTypes: true }).flatMap((entry) => {
    const below = [...segments, entry.name];
    if (entry.isDirectory()) return entry.name === "__pycache__" ? [] : templateFiles(root, below);
    return [[below.join("/"), readFileSync(join(root, ...below))] as const];
  });
}

/** The versions with which it was run are in docs/llm.md; a range, since cards and drivers want their own torch. */
function requirementsOf(config: ProjectConfig): string[] {
  const apple = 'sys_platform == "darwin" and platform_machine == "arm64"';
  const { features, base_model, dataset, mlflow, wandb, evaluation } = config;
  return [
    "accelerate>=1.4",
    "peft>=0.17",
    "pyyaml>=6",
    "safetensors>=0.5",
    "torch>=2.6",
    "tqdm>=4.66",
    "transformers>=4.56",
    ...(base_model.quantization === "none" ? [] : ['bitsandbytes>=0.45; sys_platform == "linux"']),
    ...(dataset.format === "parquet" ? ["pyarrow>=17"] : []),
    ...(features.enable_mlx_optimization ? [`mlx-lm>=0.27; ${apple}`] : []),
    ...(features.enable_carbontracking ? ["codecarbon>=3"] : []),
    ...(evaluation.metrics.includes("bleu") ? ["sacrebleu>=2.4"] : []),
    ...(mlflow.enabled ? ["mlflow>=2.16"] : []),
    ...(wandb.enabled ? ["wandb>=0.18"] : []),
  ].toSorted();
}

const environmentExample = `# A setting of config/fine_tuning_config.yaml, by its place in it:
# FINETUNE_TRAINING__STAGE1__LEARNING_RATE=1e-5
# FINETUNE_CARBON_TRACKING__COUNTRY_ISO_CODE=DEU
# For gated models and for uploads:
# HF_TOKEN=
# For gguf exports, the folder of llama.cpp:
# LLAMA_CPP_PATH=
`;

function readme({ project, base_model, training, dataset }: ProjectConfig): string {
  const stages = training.num_stages === 2 ? "two stages" : "one stage";
  return `# ${project.name}

Fine-tunes \`${base_model.model_id}\` with LoRA in ${stages}. It needs nothing but Python: Trainyard runs the same scripts.

## Set up

\`\`\`sh
python -m venv .venv
source .venv/bin/activate
pip install -r requirements.txt
\`\`\`

## Train

Put a ${dataset.format} file with the fields \`${dataset.instruction_field}\` and \`${dataset.output_field}\`${dataset.quality_field === null ? "" : `, and \`${dataset.quality_field}\` for quality,`} into \`data/raw\`. Then:

\`\`\`sh
python scripts/prepare_dataset.py data/raw/all.${dataset.format}   # splits it into data/processed
python scripts/configure_run.py first                  # prints the run's id
python scripts/train.py --run-id ID                    # Ctrl-C saves and stops; the same command goes on
python scripts/evaluate.py --run-id ID --test-data data/processed/test.jsonl
python scripts/export.py --run-id ID --format safetensors --output exported_model
python -m unittest discover tests                      # the project's own tests
\`\`\`

\`prepare_dataset.py\` writes jsonl whatever it read: set \`dataset.format\` to \`jsonl\` before you train on its output.

## How it trains

- Only the output is learned, the instruction is context. A tokenizer's chat template is used where it has one.
- The last stage is drawn by quality where rows have one: a row of high quality (from ${training.quality_threshold} of the scale, or \`high\`, \`good\`, …) ${training.quality_weight_multiplier} times as often. In a second stage a share of \`replay_ratio\` is drawn evenly from all rows, against forgetting.
- A run keeps its settings in \`runs/ID/run-config.json\` and what became of it in \`runs/ID/run-manifest.json\`.
- \`q4\` and \`q8\` need CUDA and bitsandbytes; \`gguf\` needs llama.cpp (\`LLAMA_CPP_PATH\`); MLX is used on Apple silicon where mlx-lm is installed.
- Emissions are written down only where the machine's power can be read and \`carbon_tracking.country_iso_code\` is set.
`;
}
