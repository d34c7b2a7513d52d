import { course } from "./course.ts";
import type { Pieces, Run } from "./run.ts";
import { bar, downloadBar, shownSpeed } from "./tqdm.ts";
import { traceback } from "./traceback.ts";

/** What transformers' Trainer prints without a terminal: a bar without a name, and a dict every ten steps. */
export function* hfTrainerLog(run: Run): Pieces {
  const { scenario, random } = run;
  if (scenario.until === "start") return yield* failure(run, "");
  if (run.name === "stall") {
    for (const [bytes, elapsedSeconds] of [
      [0, 0],
      [0.4e9, 4],
      [1.2e9, 12],
      [1.2e9, 912],
      [1.2e9, 1_812],
    ] as const) {
      yield `\r${downloadBar("model-00001-of-00002.safetensors", { bytes, total: 4.98e9, elapsedSeconds, rate: bytes === 0 ? null : 1.04e8 })}`;
    }
    return;
  }
  for (const count of [0, 1, 2]) {
    yield `\r${bar("Loading checkpoint shards", { count, total: 2, elapsedSeconds: count, rate: count ? 1.31 : null })}`;
  }
  yield "\n";
  if (scenario.until === "load") return yield* failure(run, "");
  const rows = 400 + Math.floor(random.uniform() * 4_000);
  for (const count of [0, rows]) {
    yield `\r${bar("Map", { count, total: rows, elapsedSeconds: count / 8_100, rate: count ? 8_100.4 : null, unit: " examples" })}`;
  }
  yield "\n";
  if (scenario.until === "dataset") return yield* failure(run, "");
  yield "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`.\n";
  yield* training(run, random.uniform() < 0.5);
}

/** `quoted`: transformers 5 prints the dict's numbers as text. */
function* training(run: Run, quoted: boolean): Pieces {
  const { steps, from, to, truth, random } = run;
  const draw = (count: number, elapsedSeconds: number, rate: number | null): string => {
    truth.lastStep = count;
    truth.totalSteps = steps;
    truth.lastSpeed = shownSpeed(rate) ?? truth.lastSpeed;
    return `\r${bar("", { count, total: steps, elapsedSeconds, rate })}`;
  };
  const dict = (values: Readonly<Record<string, number>>): string => {
    const items = Object.entries(values).map(([key, value]) => {
      const text = quoted ? String(Number(value.toPrecision(4))) : String(value);
      const python = Number.isNaN(value) ? "nan" : text;
      return `'${key}': ${quoted ? `'${python}'` : python}`;
    });
    return `\r${" ".repeat(48)}\r{${items.join(", ")}}\n`;
  };
  yield draw(0, 0, null);
  const plan = { from, to, total: steps, secondsPerStep: run.secondsPerStep, smoothing: 0.3 };
  let seconds = 0;
  let rate: number | null = null;
  let count = from;
  for (const step of course(plan, random)) {
    ({ count, rate } = step);
    seconds = step.elapsedSeconds;
    yield draw(step.count, seconds, rate);
    if (step.count % logEvery !== 0) continue;
    const isNan = step.count >= run.nanFrom;
    const loss = isNan ? 0 : Number(step.loss.toFixed(4));
    const rateOfLearning = Number((learningRate * (1 - step.count / steps)).toPrecision(10));
    yield dict({
      loss,
      grad_norm: isNan ? Number.NaN : Number((0.4 + random.uniform()).toFixed(6)),
      learning_rate: rateOfLearning,
      epoch: Number((step.count / 100).toFixed(2)),
    });
    truth.lastLoss = quoted ? Number(loss.toPrecision(4)) : loss;
    truth.lastLr = quoted ? Number(rateOfLearning.toPrecision(4)) : rateOfLearning;
    yield draw(step.count, seconds, rate);
  }
  if (run.fault) return yield* failure(run, count === from ? "" : draw(count, seconds + 1, rate));
  if (run.scenario.until !== "end") return;
  const average = (to - from) / seconds;
  yield dict({
    train_runtime: Number(seconds.toFixed(4)),
    train_samples_per_second: Number((average * 4).toFixed(3)),
    train_steps_per_second: Number(average.toFixed(3)),
    train_loss: 0.3312,
    epoch: Number((to / 100).toFixed(2)),
  });
  yield `${draw(to, seconds, rate)}${draw(to, seconds, average)}\n`;
}

function* failure({ fault, format, scenario }: Run, repaint: string): Pieces {
  if (!fault) return;
  for (const line of fault.before ?? []) yield `${line}\n`;
  if (fault.chain.length > 0) yield traceback(format, scenario.until, fault.chain);
  if (fault.chain.length > 0 && repaint !== "") yield `${repaint}\n`;
  if (fault.after) yield `\n${fault.after.join("\n")}\n`;
}

const learningRate = 2e-4;
const logEvery = 10;
