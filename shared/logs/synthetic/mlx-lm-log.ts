import { course } from "./course.ts";
import type { Pieces, Run } from "./run.ts";
import { bar, downloadBar, exponent } from "./tqdm.ts";
import { traceback } from "./traceback.ts";

/** What mlx-lm prints: one line every ten iterations, no bar of the training itself. */
export function* mlxLmLog(run: Run): Pieces {
  const { scenario, steps, truth } = run;
  if (scenario.until === "start") return yield* failure(run);
  yield "Loading configuration file /workspace/config/job.yaml\nLoading pretrained model\n";
  if (run.name === "stall") {
    for (const [bytes, elapsedSeconds] of [
      [0, 0],
      [0.5e9, 6],
      [2.1e9, 25],
      [2.1e9, 925],
      [2.1e9, 1_825],
    ] as const) {
      yield `\r${downloadBar("model.safetensors", { bytes, total: 4.26e9, elapsedSeconds, rate: bytes === 0 ? null : 8.4e7 })}`;
    }
    return;
  }
  if (scenario.until === "load") return yield* failure(run);
  for (const count of [0, 9]) {
    yield `\r${bar("Fetching 9 files", { count, total: 9, elapsedSeconds: 0, rate: count ? 91_433.2 : null })}`;
  }
  yield "\nLoading datasets\n";
  if (scenario.until === "dataset") return yield* failure(run);
  yield `Training\nTrainable parameters: 0.041% (1.573M/3821.080M)\nStarting training..., iters: ${steps}\n`;
  truth.totalSteps = steps;
  yield* training(run);
}

function* training(run: Run): Pieces {
  const { steps, from, to, truth, random } = run;
  const plan = { from, to, total: steps, secondsPerStep: run.secondsPerStep, smoothing: 0.3 };
  let tokens = 0;
  for (const step of course(plan, random)) {
    const { count } = step;
    const isNan = count >= run.nanFrom;
    if (count === 1 || count % validateEvery === 0) {
      for (const done of [0, 25]) {
        yield `\r${bar("Calculating loss...", { count: done, total: 25, elapsedSeconds: done / 4, rate: done ? 4.1 : null })}`;
      }
      yield `Iter ${count}: Val loss ${isNan ? "nan" : (step.loss * 1.1).toFixed(3)}, Val took 6.098s\n`;
    }
    tokens += 60 + Math.floor(random.uniform() * 20);
    if (count % reportEvery !== 0) continue;
    const loss = isNan ? "nan" : step.loss.toFixed(3);
    const speed = step.rate.toFixed(3);
    truth.lastStep = count;
    truth.lastLoss = isNan ? null : Number(loss);
    truth.lastLr = learningRate;
    truth.lastSpeed = Number(speed);
    yield (
      `Iter ${count}: Train loss ${loss}, Learning Rate ${exponent(learningRate, 3)}, It/sec ${speed}, ` +
        `Tokens/sec ${(step.rate * 65).toFixed(3)}, Trained Tokens ${tokens}, Peak mem 8.115 GB\n`
    );
    if (count % saveEvery === 0) {
      yield `Iter ${count}: Saved adapter weights to adapters/adapters.safetensors and adapters/${String(count).padStart(7, "0")}_adapters.safetensors.\n`;
    }
  }
  if (run.fault) return yield* failure(run);
  if (run.scenario.until === "end") yield "Saved final weights to adapters/adapters.safetensors.\n";
}

function* failure({ fault, format, scenario }: Run): Pieces {
  if (!fault) return;
  for (const line of fault.before ?? []) yield `${line}\n`;
  if (fault.chain.length > 0) yield traceback(format, scenario.until, fault.chain);
  if (fault.after) yield `${fault.after.join("\n")}\n`;
}

const learningRate = 1e-5;
const reportEvery = 10;
const validateEvery = 200;
const saveEvery = 100;
