import { course, type SyntheticStep } from "./course.ts";
import type { Pieces, Run } from "./run.ts";
import { bar, downloadBar, exponent, shownSpeed } from "./tqdm.ts";
import { traceback } from "./traceback.ts";

/** What ostris/ai-toolkit prints, both streams in one file as its own UI keeps them (reference: its `run.py` and bars). */
export function* aiToolkitLog(run: Run): Pieces {
  const { scenario } = run;
  yield "Running 1 job\n";
  if (scenario.until === "start") return yield* failure(run, "");
  yield configDump(run);
  yield `\n${"#".repeat(45)}\n# Running job: ${run.jobName}\n${"#".repeat(45)}\n\n\nRunning  1 process\n`;
  yield* loading(run);
  if (run.name === "stall") return;
  if (scenario.until === "load") return yield* failure(run, "");
  yield loraLines(run);
  if (scenario.until === "dataset") {
    yield `Dataset: ${run.places.dataset}\n`;
    if (run.name === "dataset-empty") {
      yield "  -  Preprocessing image dimensions\n\r0it [00:00, ?it/s]\r0it [00:00, ?it/s]\n  -  Found 0 images\n";
    }
    return yield* failure(run, "");
  }
  yield* caching(run);
  yield* baselineSamples(run);
  yield* training(run);
}

function configDump({ random, steps, places }: Run): string {
  const prompts = [
    "a banana in bloom on a living_room table",
    "the killed lights of a city, error 404 in neon, timeout=30",
    "nan bread out of memory, 50% linen, a/b|c",
  ];
  return `${JSON.stringify(
    {
      type: "diffusion_trainer",
      training_folder: "/workspace/output",
      device: "cuda",
      network: { type: "lora", linear: 16, linear_alpha: 16 },
      save: { dtype: "float16", save_every: saveEvery, max_step_saves_to_keep: 4 },
      datasets: [{ folder_path: places.dataset, caption_ext: "txt", resolution: [512, 768, 1024] }],
      train: { batch_size: 1, steps, lr: learningRate, optimizer: "adamw8bit", dtype: "bf16" },
      model: { name_or_path: places.model, quantize: true },
      sample: {
        sampler: "flowmatch",
        sample_every: saveEvery,
        prompts,
        seed: Math.floor(random.uniform() * 1e6),
      },
    },
    null,
    4,
  )}\n`;
}

function* loading(run: Run): Pieces {
  const { random } = run;
  yield "Loading Flux model\nLoading transformer\n";
  const total = 9.9e9;
  const frozen = run.name === "stall";
  let elapsedSeconds = 0;
  for (let part = 0; part <= 10; part++) {
    const stuck = frozen && part > 4;
    const rate = part === 0 ? null : stuck ? 1.2e5 : 1.1e8 * (0.9 + 0.2 * random.uniform());
    yield `\r${downloadBar("model.safetensors", { bytes: (total * (stuck ? 4 : part)) / 10, total, elapsedSeconds, rate })}`;
    elapsedSeconds += stuck ? 300 : total / 10 / 1.1e8;
  }
  if (frozen) return;
  yield "\n";
  for (const at of [0, 11, 23]) {
    yield `\r${bar("Fetching 23 files", { count: at, total: 23, elapsedSeconds: at / 9, rate: at ? 8_412.3 : null })}`;
  }
  for (const at of [0, 1, 2]) {
    yield `\r${bar("Loading checkpoint shards", { count: at, total: 2, elapsedSeconds: at, rate: at ? 1.4 : null })}`;
  }
  yield "\nQuantizing transformer\nLoading VAE\nLoading T5\n";
  yield "The following part of your input was truncated because CLIP can only handle sequences up to 77 tokens; it does not matter for predictions and inference\n";
  yield "Making pipe\nPreparing Model\n";
  if (run.scenario.until !== "load") yield "Model Loaded\n";
}

function loraLines({ from, places }: Run): string {
  const created =
    "create LoRA network. base dim (rank): 16, alpha: 16\n" +
    "neuron dropout: p=None, rank dropout: p=None, module dropout: p=None\n" +
    "create LoRA for Text Encoder: 0 modules.\ncreate LoRA for U-Net: 494 modules.\nenable LoRA for U-Net\n";
  if (from === 0) return created;
  return (
    `${created}#### IMPORTANT RESUMING FROM ${places.output} ####\nLoading from ${places.output}\n` +
    `Missing keys: []\nFound step ${from} in metadata, starting from there\n` +
    "Loading optimizer state from /workspace/output/optimizer.pt\nUpdating optimizer LR from params\n"
  );
}

function* caching({ places, random }: Run): Pieces {
  const images = 12 + Math.floor(random.uniform() * 40);
  yield `Dataset: ${places.dataset}\n  -  Preprocessing image dimensions\n`;
  yield `\r${bar("", { count: 0, total: images, elapsedSeconds: 0, rate: null })}`;
  yield `\r${bar("", { count: images, total: images, elapsedSeconds: 0.01, rate: 16_994.75 })}\n`;
  yield `  -  Found ${images} images\nBucket sizes for ${places.dataset}:\n768x1024: ${images} files\n1 buckets made\n`;
  yield `Caching latents for ${places.dataset}\n - Saving latents to disk\n`;
  for (let count = 0; count <= images; count += 4) {
    yield `\r${bar("Caching latents to disk", { count, total: images, elapsedSeconds: count / 6, rate: count ? 6.02 : null })}`;
  }
  yield "\n";
}

function* baselineSamples(run: Run): Pieces {
  if (run.from > 0) return;
  yield "Generating baseline samples before training\n";
  yield* sampling("\n");
}

function* sampling(end: string): Pieces {
  for (const count of [0, 1, 2, 3]) {
    yield `\n\r${bar("Generating Images", { count, total: 3, elapsedSeconds: count * 9.1, rate: count ? 0.11 : null })}\u001b[A`;
  }
  yield `${" ".repeat(40)}\u001b[A${end}`;
}

function* training(run: Run): Pieces {
  const { jobName, steps, from, to, truth } = run;
  const draw = (
    count: number,
    elapsedSeconds: number,
    rate: number | null,
    postfix?: string,
  ): string => {
    truth.lastStep = count;
    truth.totalSteps = steps;
    truth.lastSpeed = shownSpeed(rate) ?? truth.lastSpeed;
    return `\r${bar(jobName, { count, total: steps, elapsedSeconds, rate, ...(postfix !== undefined && { postfix }) })}`;
  };
  const skipAt = Math.min(7, Math.ceil(steps / 2));
  let rate: number | null = null;
  let before = 0;
  let postfix: string | undefined;
  let last: SyntheticStep | null = null;
  yield draw(from, 0, null);
  const plan = { from, to, total: steps, secondsPerStep: run.secondsPerStep, smoothing: 0.7 };
  for (const step of course(plan, run.random)) {
    const skipped = run.name === "oom-skipped" && step.count % skipEvery === skipAt;
    let glued = "";
    if (skipped) {
      yield `\n${"#".repeat(48)}\n# OOM during training step, skipping batch 1/3 #\n${"#".repeat(48)}\n\n`;
    } else {
      const isNan = step.count >= run.nanFrom;
      const lossText = exponent(isNan ? 0 : step.loss, 3);
      truth.lastLoss = Number(lossText);
      truth.lastLr = learningRate;
      postfix = `lr: ${exponent(learningRate, 1)} loss: ${lossText}`;
      // What the trainer says of its loss comes before the new loss is drawn, glued to the bar of the step before.
      if (isNan) glued = "loss is nan\n";
    }
    yield (
      glued +
        draw(step.count - 1, before, rate, postfix) +
        draw(step.count, step.elapsedSeconds, step.rate, postfix)
    );
    before = step.elapsedSeconds;
    rate = step.rate;
    last = step;
    const saving = step.count > 1 && (step.count - 1) % saveEvery === 0 && step.count < steps;
    if (saving) yield* save(run, step.count - 1);
  }
  if (run.fault)
    return yield* failure(run, last ? draw(last.count, before + 1, rate, postfix) : "");
  if (run.scenario.until !== "end") return;
  // A closing bar shows the average of the whole run.
  yield `${draw(to, before, before === 0 ? null : (to - from) / before, postfix)}\n`;
  yield `Saved checkpoint to /workspace/output/${jobName}/${jobName}.safetensors\n`;
  yield `Saved optimizer to /workspace/output/${jobName}/optimizer.pt\n\n`;
}

function* save({ jobName }: Run, step: number): Pieces {
  const file = `${jobName}_${String(step).padStart(9, "0")}.safetensors`;
  yield `\nSaving at step ${step}\nSaved checkpoint to /workspace/output/${jobName}/${file}\n`;
  yield `Saved optimizer to /workspace/output/${jobName}/optimizer.pt\n`;
  yield* sampling("\n");
}

/** The trainer's sentence stands glued to the bar; the interpreter paints the bar once more when it ends. */
function* failure({ fault, format, scenario }: Run, repaint: string): Pieces {
  if (!fault) return;
  for (const line of fault.before ?? []) yield `${line}\n`;
  const error = fault.chain.at(-1)?.lines[0];
  if (error !== undefined) {
    yield `Error running job: ${error.replace(/^[\w.]+: /, "")}\n`;
    if (scenario.until === "start") {
      yield "Error running on_error: cannot access local variable 'job' where it is not associated with a value\n";
    }
    const rule = "=".repeat(40);
    yield `\n${rule}\nResult:\n - 0 completed jobs\n - 1 failure\n${rule}\n`;
    yield traceback(format, scenario.until, fault.chain);
    if (repaint !== "") yield `${repaint}\n`;
  }
  if (fault.after) yield `\n${fault.after.join("\n")}\n`;
}

const learningRate = 1e-4;
const saveEvery = 250;
const skipEvery = 500;
