import type { Stage, SyntheticFormat } from "./scenarios.ts";

export interface PythonFrame {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly source: string;
}

/** One exception of a chain. */
export interface Raised {
  /** Of libraries, innermost last. */
  readonly frames: readonly PythonFrame[];
  /** The exception's own line and the rest of its message. */
  readonly lines: readonly [string, ...string[]];
  /** How Python ties the next exception to this one. */
  readonly link?: "during" | "cause";
}

/** The chain as Python prints it; the last exception carries the trainer's own frames. */
export function traceback(format: SyntheticFormat, stage: Stage, chain: readonly Raised[]): string {
  return chain
    .map(({ frames, lines, link }, index) => {
      const own = index === chain.length - 1 ? trainerFrames(format, stage) : [];
      const printed = [...own, ...frames].map(frameText).join("");
      const head = `Traceback (most recent call last):\n${printed}${lines.join("\n")}\n`;
      return link === undefined ? head : `${head}\n${links[link]}\n\n`;
    })
    .join("");
}

export function site(file: string, line: number, name: string, source: string): PythonFrame {
  return { file: `/workspace/venv/lib/python3.11/site-packages/${file}`, line, name, source };
}

const links = {
  during: "During handling of the above exception, another exception occurred:",
  cause: "The above exception was the direct cause of the following exception:",
} as const;

function frameText({ file, line, name, source }: PythonFrame): string {
  // Python marks the part of the line that failed unless that is all of it.
  const marked = /^(?:raise|import|from|assert) /.test(source) ? "" : marks(source);
  return `  File "${file}", line ${line}, in ${name}\n    ${source}\n${marked}`;
}

function marks(source: string): string {
  const from = source.indexOf(" = ") + " = ".length;
  if (!source.includes(" = ")) return "";
  return `    ${" ".repeat(from)}${"^".repeat(source.length - from)}\n`;
}

function at(file: string, line: number, name: string, source: string): PythonFrame {
  return { file: `/workspace/${file}`, line, name, source };
}

function trainerFrames(format: SyntheticFormat, stage: Stage): readonly PythonFrame[] {
  return [...entry[format], ...(inside[format][stage] ?? [])];
}

const entry: Readonly<Record<SyntheticFormat, readonly PythonFrame[]>> = {
  "ai-toolkit": [
    at("ai-toolkit/run.py", 147, "<module>", "main()"),
    at("ai-toolkit/run.py", 132, "main", "raise e"),
  ],
  "hf-trainer": [at("train.py", 212, "<module>", "main()")],
  "sd-scripts": [at("sd-scripts/train_network.py", 1281, "<module>", "trainer.train(args)")],
  "mlx-lm": [site("mlx_lm/lora.py", 388, "main", "run(types.SimpleNamespace(**args))")],
};

const job = [
  at("ai-toolkit/run.py", 120, "main", "job.run()"),
  at("ai-toolkit/jobs/ExtensionJob.py", 22, "run", "process.run()"),
];
const process = "ai-toolkit/jobs/process/BaseSDTrainProcess.py";
const trainer = "transformers/trainer.py";
const script = "sd-scripts/train_network.py";
const lora = "mlx_lm/lora.py";

const inside: Readonly<
  Record<SyntheticFormat, Readonly<Partial<Record<Stage, readonly PythonFrame[]>>>>
> = {
  "ai-toolkit": {
    start: [
      at("ai-toolkit/run.py", 119, "main", "job = get_job(config_file, args.name)"),
      at("ai-toolkit/toolkit/job.py", 29, "get_job", "return ExtensionJob(config)"),
    ],
    load: [...job, at(process, 1806, "run", "self.sd.load_model()")],
    dataset: [
      ...job,
      at(process, 2252, "run", "self.data_loader = get_dataloader_from_datasets(self.datasets)"),
    ],
    step: [
      ...job,
      at(process, 2625, "run", "loss_dict = self.hook_train_loop(batch_list)"),
      at(
        "ai-toolkit/extensions_built_in/sd_trainer/SDTrainer.py",
        2263,
        "hook_train_loop",
        "loss = self.train_single_accumulation(batch)",
      ),
    ],
    save: [
      ...job,
      at(process, 2731, "run", "self.save(self.step_num)"),
      at(process, 612, "save", "self.network.save_weights(file_path)"),
    ],
  },
  "hf-trainer": {
    start: [at("train.py", 31, "main", "from transformers import Trainer, TrainingArguments")],
    load: [at("train.py", 96, "main", "model = AutoModelForCausalLM.from_pretrained(args.model)")],
    dataset: [at("train.py", 120, "main", "data = load_dataset('json', data_files=args.train)")],
    step: [
      at("train.py", 188, "main", "trainer.train()"),
      site(trainer, 2325, "train", "return inner_training_loop("),
      site(trainer, 4020, "training_step", "loss = self.compute_loss(model, inputs)"),
    ],
    save: [
      at("train.py", 188, "main", "trainer.train()"),
      site(trainer, 3178, "_maybe_log_save_evaluate", "self._save_checkpoint(model, trial)"),
    ],
  },
  "sd-scripts": {
    start: [at(script, 5, "<module>", "import library.train_util as train_util")],
    load: [at(script, 310, "train", "model = self.load_target_model(args, weight_dtype)")],
    dataset: [
      at(
        script,
        244,
        "train",
        "group = config_util.generate_dataset_group_by_blueprint(blueprint)",
      ),
    ],
    step: [at(script, 1010, "train", "loss = self.process_batch(batch, text_encoders, unet)")],
    save: [at(script, 1120, "train", "save_model(ckpt_name, network, global_step, epoch)")],
  },
  "mlx-lm": {
    start: [site(lora, 15, "<module>", "from .tuner.datasets import load_dataset")],
    load: [site(lora, 330, "run", "model, tokenizer = load(args.model)")],
    dataset: [
      site(lora, 334, "run", "train_set, valid_set, test_set = load_dataset(args, tokenizer)"),
    ],
    step: [
      site(lora, 341, "run", "train_model(args, model, train_set, valid_set, callback)"),
      site("mlx_lm/tuner/trainer.py", 305, "train", "mx.eval(state, losses, n_tokens, grad_accum)"),
    ],
    save: [
      site(lora, 341, "run", "train_model(args, model, train_set, valid_set, callback)"),
      site(
        "mlx_lm/tuner/trainer.py",
        372,
        "train",
        "mx.save_safetensors(str(args.adapter_file), adapter_weights)",
      ),
    ],
  },
};
