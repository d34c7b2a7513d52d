import { course } from "./course.ts";
import type { Pieces, Run } from "./run.ts";
import { bar, downloadBar, shownSpeed } from "./tqdm.ts";
import { traceback } from "./traceback.ts";

/** What kohya-ss/sd-scripts prints: a bar called `steps` with a mean loss, no learning rate. */
export function* sdScriptsLog(run: Run): Pieces {
  const { scenario, jobName, places, steps } = run;
  if (scenario.until === "start") return yield* failure(run);
  yield `prepare tokenizer\nUsing DreamBooth method.\n`;
  if (scenario.until === "dataset") return yield* failure(run);
  yield `prepare images.\nfound directory ${places.dataset}/10_${jobName.replaceAll(" ", "_")} contains 24 image files\n`;
  yield (
    "240 train images with repeating.\n0 reg images.\nload StableDiffusion checkpoint: " +
      `${places.model}\n`
  );
  if (run.name === "stall") {
    for (const [bytes, elapsedSeconds] of [
      [0, 0],
      [0.2e9, 3],
      [0.9e9, 11],
      [0.9e9, 911],
      [0.9e9, 1_811],
    ] as const) {
      yield `\r${downloadBar("pytorch_model.bin", { bytes, total: 1.71e9, elapsedSeconds, rate: bytes === 0 ? null : 8.2e7 })}`;
    }
    return;
  }
  if (scenario.until === "load") return yield* failure(run);
  for (const count of [0, 12, 24]) {
    yield `\r${bar("", { count, total: 24, elapsedSeconds: count / 3, rate: count ? 3.02 : null })}`;
  }
  yield "\ncreate LoRA network. base dim (rank): 16, alpha: 8.0\ncreate LoRA for U-Net: 192 modules.\n";
  yield "use 8-bit AdamW optimizer | {}\nrunning training / 学習開始\n  num train images * repeats / 学習画像の数×繰り返し回数: 240\n";
  yield `  total optimization steps / 学習ステップ数: ${steps}\n`;
  yield* training(run);
}

function* training(run: Run): Pieces {
  const { steps, from, to, truth, jobName } = run;
  const draw = (
    count: number,
    elapsedSeconds: number,
    rate: number | null,
    postfix?: string,
  ): string => {
    truth.lastStep = count;
    truth.totalSteps = steps;
    truth.lastSpeed = shownSpeed(rate) ?? truth.lastSpeed;
    return `\r${bar("steps", { count, total: steps, elapsedSeconds, rate, ...(postfix !== undefined && { postfix }) })}`;
  };
  const plan = { from, to, total: steps, secondsPerStep: run.secondsPerStep, smoothing: 0.3 };
  let seconds = 0;
  let mean = 0;
  let postfix: string | undefined;
  yield `${draw(0, 0, null)}\nepoch 1/${Math.ceil(steps / epochSteps)}\n`;
  for (const step of course(plan, run.random)) {
    const isNan = step.count >= run.nanFrom;
    mean = mean === 0 ? step.loss : mean * 0.98 + step.loss * 0.02;
    const text = isNan ? "nan" : String(Number(mean.toPrecision(3)));
    truth.lastLoss = isNan ? null : Number(text);
    seconds = step.elapsedSeconds;
    // The count moves before the loss is set: each step is drawn twice.
    yield draw(step.count, seconds, step.rate, postfix);
    postfix = `avr_loss=${text}`;
    yield draw(step.count, seconds, step.rate, postfix);
    if (step.count % epochSteps === 0 && step.count < steps) {
      const epoch = step.count / epochSteps;
      yield `\nsaving checkpoint: /workspace/output/${jobName}-${String(epoch).padStart(6, "0")}.safetensors\n\nepoch ${epoch + 1}/${Math.ceil(steps / epochSteps)}\n`;
    }
  }
  if (run.fault) return yield* failure(run);
  if (run.scenario.until !== "end") return;
  yield `\nsaving checkpoint: /workspace/output/${jobName}.safetensors\nmodel saved.\n`;
  yield `${draw(to, seconds, to / seconds, postfix)}\n`;
}

function* failure({ fault, format, scenario }: Run): Pieces {
  if (!fault) return;
  for (const line of fault.before ?? []) yield `${line}\n`;
  if (fault.chain.length > 0) yield traceback(format, scenario.until, fault.chain);
  if (fault.after) yield `\n${fault.after.join("\n")}\n`;
}

const epochSteps = 240;
