import { readNumber } from "./bars/bar-postfix.ts";
import { withoutLauncher } from "./launcher-prefix.ts";

/** What a trainer says about its progress in a line of text; null is "not said here". */
export interface MetricLine {
  readonly step: number | null;
  readonly total: number | null;
  /** NaN and the infinities as such. */
  readonly loss: number | null;
  readonly lr: number | null;
  readonly stepsPerSecond: number | null;
  /** Everything else that a dict of numbers holds, by its own name: `eval_loss`, `tokens_per_second`, … */
  readonly others?: ReadonlyMap<string, number>;
  /**
   * A loss or a validation loss in it is no finite number, or a gradient norm is NaN; an infinite norm is what a loss
   * scaler tries out.
   */
  readonly nan: boolean;
}

/**
 * The forms that are known; the first that fits reads the line. Most lines fit none. `table` is what the first column of
 * a notebook's table counts, once its head was seen.
 */
export function readMetricLine(
  line: string,
  table: "Step" | "Epoch" | null = null,
): MetricLine | null {
  if (line.length > longestLine) return null;
  const text = withoutLauncher(line);
  const brace = text.search(dictBegin);
  if (brace >= 0) {
    const dict = readDict(text.slice(brace));
    if (dict || text.slice(0, brace).trim() === "") return dict;
  }
  const mlx = text.indexOf("Iter ");
  if (mlx === 0 || (mlx > 0 && text.slice(0, mlx).trim() === "")) {
    const metrics = readMlx(text.trimStart());
    if (metrics) return metrics;
  }
  return readNotebook(text, table) ?? readBanner(text) ?? readPlain(text);
}

/**
 * Hugging Face Trainer, trl and Unsloth: `{'loss': 1.2, 'learning_rate': 2e-05, …}`, with or without quotes around the
 * values. The summary at the end has `train_loss`, an average, which is not the last loss.
 */
function readDict(line: string): MetricLine | null {
  const values = new Map<string, number>();
  for (const [, , key = "", value = ""] of line.matchAll(dictPair)) {
    const number = readNumber(value);
    if (number !== null) values.set(key, number);
  }
  if (values.size === 0) return null;
  const loss = values.get("loss");
  const isSummary = values.has("train_runtime");
  const isEvaluation = [...values.keys()].some((key) => key.startsWith("eval_"));
  if (loss === undefined && !isSummary && !isEvaluation) return null;
  return {
    step: values.get("step") ?? null,
    total: null,
    loss: loss ?? null,
    lr: values.get("learning_rate") ?? null,
    stepsPerSecond: isSummary ? (values.get("train_steps_per_second") ?? null) : null,
    others: new Map([...values].filter(([key]) => !own.has(key))),
    nan:
      Number.isNaN(values.get("grad_norm")) ||
      ["loss", "eval_loss", "train_loss"].some((key) => isEndless(values.get(key))),
  };
}

const own: ReadonlySet<string> = new Set(["loss", "learning_rate", "step"]);

/** mlx-lm: `Iter 10: Train loss 1.2, Learning Rate 1.000e-05, It/sec 2.3, …`; of a validation it counts only whether it is a number. */
function readMlx(line: string): MetricLine | null {
  const match = mlxLine.exec(line);
  if (!match) return null;
  const [, step, kind, value, rest = ""] = match;
  const loss = readNumber(value?.replace(/,$/, ""));
  if (kind === "Val") return { ...silent, nan: isEndless(loss) };
  return {
    step: Number(step),
    total: null,
    loss,
    lr: readNumber(/Learning Rate ([^\s,]{1,32})/.exec(rest)?.[1]),
    stepsPerSecond: readNumber(/It\/sec ([^\s,]{1,32})/.exec(rest)?.[1]),
    nan: isEndless(loss),
  };
}

/** A notebook's progress (` [90/90 01:55, Epoch 30/30]`) and the rows of its table (`90⇥0.044500`). */
function readNotebook(line: string, table: "Step" | "Epoch" | null): MetricLine | null {
  const progress = /^ *\[ *(\d{1,12})\/(\d{1,12}) [\d:]+(?: < [\d:]+, [^\]]{1,60})?, Epoch /.exec(
    line,
  );
  if (progress) return { ...silent, step: Number(progress[1]), total: Number(progress[2]) };
  if (table === null) return null;
  const row = /^(\d{1,12})\t([\d.]{1,24}|nan|-?inf)(?:\t[^\t]{0,40})*$/i.exec(line);
  if (!row) return null;
  const loss = readNumber(row[2]);
  const step = table === "Step" ? Number(row[1]) : null;
  return { ...silent, step, loss, nan: isEndless(loss) };
}

/** Where a trainer says beforehand how many steps there will be. */
function readBanner(line: string): MetricLine | null {
  const match = banner.exec(line);
  return match
    ? { ...silent, total: Number((match[1] ?? match[2] ?? match[3] ?? "").replaceAll(",", "")) }
    : null;
}

/**
 * Plain loops: `step 100/1000 | loss 2.31 | lr 1e-4`, `iter 100: loss 2.31, time 12ms`, `Epoch [1/5], Step [10/60], Loss: 0.3`.
 * Only a line that names both a step (or an epoch) and a loss counts.
 */
function readPlain(line: string): MetricLine | null {
  if (!plainHint.test(line)) return null;
  const lossText = plainLoss.exec(line)?.[1];
  const loss = readNumber(lossText?.replace(/[.,;]$/, ""));
  const counted = plainBatch.exec(line) ?? plainStep.exec(line) ?? plainEpoch.exec(line);
  if (!counted)
    return loss === null || !phaseLoss.test(line)
      ? null
      : { ...silent, loss, nan: isEndless(loss) };
  const lr = readNumber(plainLr.exec(line)?.[1]?.replace(/[.,;]$/, ""));
  // A step that was skipped for its numbers shows all but the loss.
  if (loss === null && (lr === null || counted[2] === undefined)) return null;
  const speed = /([\d.]{1,16}) ?(?:it\/s|iter\/s|steps?\/s(?:ec)?)\b/i.exec(line)?.[1];
  return {
    step: Number(counted[1]),
    total: counted[2] === undefined ? null : Number(counted[2]),
    loss,
    lr,
    stepsPerSecond: readNumber(speed),
    nan: isEndless(loss) || nanGradient.test(line),
  };
}

/** A number that was said, and is none or without bounds. */
export function isEndless(loss: number | null | undefined): boolean {
  return typeof loss === "number" && !Number.isFinite(loss);
}

const silent: MetricLine = {
  step: null,
  total: null,
  loss: null,
  lr: null,
  stepsPerSecond: null,
  nan: false,
};
const longestLine = 4_000;
/** At the line's beginning or behind a logger's words, but not inside a sentence of braces. */
const dictBegin = /(?<=^[^{]{0,120})\{['"][\w/.-]{1,64}['"]: /;
const dictPair = /(['"])([\w/.-]{1,64})\1: ?['"]?(?:tensor\()?([-+\w.]{1,40})['"]?(?=[,})])/g;
const mlxLine = /^Iter (\d{1,12}): (Train|Val) loss ([^\s,]{1,32}),?(.{0,1000})/;
const banner =
  /^(?:.{0,120}?[->|:\]])? *Total optimization steps(?: \/ 学習ステップ数)? *[:=] *([\d,]{1,15})|^Starting training\.\.\., iters: (\d{1,15})|Total steps = ([\d,]{1,15})/i;
const plainHint = /loss/i;
const number = String.raw`(?:tensor\(\s*)?([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|\.\d+|nan|inf(?:inity)?))`;
/** The training's own; what it says of held-out data is another number. */
const plainLoss = new RegExp(
  String.raw`(?<![\w-])(?<!\b(?:val|valid|validation|test|eval|evaluation|dev)[ _/])(?:train(?:ing)?[ _/]?|avg[ _]?|mean[ _]?|total[ _]?|running[ _]?|last[ _]?|current[ _]?|batch[ _]?|step[ _]?)?loss\b(?: \([^)]*\))?\s*(?:[:=]|is)?\s*${number}(?![\w])`,
  "i",
);
const phaseLoss = /^train(?:ing)?[ _]loss\b/i;
const nanGradient = /grad[_ ]?norm\b\s*[:=]?\s*(?:tensor\()?nan\b/i;
/** MMEngine's `Epoch(train) [1][20/70]` and torchvision's `Epoch: [0][40/170]`. */
const plainBatch =
  /(?<![\w-])epoch(?:\(train\))?\s*:?\s*\[\s*\d{1,9}\]\s*\[\s*(\d{1,12})\/\s*(\d{1,12})\]/i;
const plainStep =
  /(?<![\w-])(?:global[ _])?(?:step|iter(?:ation)?|batch|update)s?\b\s*(?:[:=#]\s*)?\[?\s*(\d{1,12})(?:\s*(?:\/|of)\s*(\d{1,12}))?/i;
const plainEpoch =
  /(?<![\w-])epoch\b\s*(?:[:=#]\s*)?\[?\s*(\d{1,12})(?:\s*(?:\/|of)\s*(\d{1,12}))?/i;
const plainLr = new RegExp(
  String.raw`(?<![\w-])(?:lr|learning[ _]rate)\b\s*[:=]?\s*${number}(?![\w])`,
  "i",
);
