import { type DescribedBar, findBar, type Bar, parseBar } from "./bars/bar.ts";
import { withoutLauncher } from "./launcher-prefix.ts";
import type { LogTool } from "./log-report.ts";
import type { MetricLine } from "./metric-lines.ts";
import { findUnframedBar } from "./bars/unframed-bar.ts";

/** Where the training stands, as its own bar and metric lines say: plain JSON. */
export interface JobNumbers {
  step: number | null;
  total: number | null;
  /** Null also for a loss that was no number. */
  loss: number | null;
  lr: number | null;
  shownSpeed: number | null;
  runningSpeed: number | null;
  /** Whose bar it is, and how sure that is; a surer one takes over. */
  owner: { key: string; rank: number; metrics: boolean } | null;
  /** The unnamed bar drawn last, when it is another than the owner's. */
  other: OtherBar | null;
  /** The training's summary was read: an unnamed bar that ran to its end belongs to it, the next one does not. */
  summed: boolean;
  /** What the first column of a notebook's table counts. */
  table: "Step" | "Epoch" | null;
}

interface OtherBar {
  readonly key: string;
  readonly count: number;
  readonly total: number;
  readonly stepsPerSecond: number | null;
}

export function noNumbers(): JobNumbers {
  return {
    step: null,
    total: null,
    loss: null,
    lr: null,
    shownSpeed: null,
    runningSpeed: null,
    owner: null,
    other: null,
    summed: false,
    table: null,
  };
}

/** The job's own name first, so that a `%|` in it is not taken for a bar; else whatever bar there is. */
export function barOf(fragment: string, jobName: string | null): DescribedBar | null {
  if (jobName !== null && fragment.startsWith(jobName)) {
    const bar = parseBar(fragment, jobName);
    if (bar) return { description: jobName, bar };
  }
  return findBar(fragment) ?? findUnframedBar(fragment);
}

/** How sure it is that a bar counts the training's steps; 0 for a bar that counts something else. */
export function rankOf(
  { description: described, bar, bare }: DescribedBar,
  jobName: string | null,
  tool: LogTool | null,
): number {
  if (bar.unit !== "it" || bar.total <= 0) return 0;
  if (jobName !== null && isNamed(described, jobName)) return ranks.named;
  // Nothing but a training shows both, whatever it is called.
  if (bar.lr !== null && bar.loss !== null) return ranks.withLoss;
  const description = withoutLauncher(`${described} `).trim();
  if (otherWork.test(description)) return 0;
  if (bar.loss !== null || bar.lr !== null) return ranks.withLoss;
  if (stepsWords.test(description)) return ranks.steps;
  if (tool === "ai-toolkit") {
    return description === "" || jobName !== null ? 0 : ranks.possible;
  }
  if (bare) return ranks.bare;
  // These trainers name their own bar; what they draw without a name is a cache, or a library's.
  if (description === "") return tool !== null && namesItsBar.has(tool) ? 0 : ranks.unnamed;
  return tool === null ? ranks.possible : 0;
}

/** Takes a redraw of a bar that may be the job's. Returns whether it was. */
export function readBar(
  bar: Bar,
  { rank, owner: key }: { readonly rank: number; readonly owner: string },
  closing: boolean,
  numbers: JobNumbers,
): boolean {
  if (rank === 0) return false;
  const { owner } = numbers;
  if (!owner || owner.key !== key) {
    // Figures alone are the training's only where the training has already spoken.
    if (!owner && rank === ranks.bare && numbers.loss === null && numbers.lr === null) return false;
    if (owner && !takesOver(rank, bar, numbers, owner)) {
      if (rank === ranks.unnamed && owner.rank === rank) numbers.other = { key, ...figuresOf(bar) };
      return false;
    }
    numbers.owner = { key, rank, metrics: numbers.summed };
    numbers.step = null;
    numbers.shownSpeed = null;
    numbers.runningSpeed = null;
  }
  numbers.other = null;
  numbers.step = bar.count;
  numbers.total = bar.total;
  if (bar.stepsPerSecond !== null) {
    numbers.shownSpeed = bar.stepsPerSecond;
    if (!closing || numbers.runningSpeed === null) numbers.runningSpeed = bar.stepsPerSecond;
  }
  if (bar.loss !== null) numbers.loss = Number.isFinite(bar.loss) ? bar.loss : null;
  if (bar.lr !== null) numbers.lr = bar.lr;
  return true;
}

/** Takes what a line of text says. */
export function readMetrics(line: MetricLine, numbers: JobNumbers): void {
  if (line.total !== null && line.step === null && line.loss === null) announced(numbers);
  if (line.loss !== null) followLoss(numbers);
  if (countsTheSame(line, numbers)) {
    if (line.step !== null && line.step >= (numbers.step ?? 0)) numbers.step = line.step;
    if (line.total !== null) numbers.total = line.total;
  }
  if (line.loss !== null) {
    numbers.loss = Number.isFinite(line.loss) ? line.loss : null;
    if (numbers.owner) numbers.owner.metrics = true;
  }
  if (line.lr !== null) numbers.lr = line.lr;
  if (line.stepsPerSecond === null) return;
  if (line.loss === null) {
    numbers.summed = true;
    if (numbers.owner) numbers.owner.metrics = true;
  }
  // A summary's average says nothing new where a bar showed the speed.
  if (line.loss !== null || numbers.shownSpeed === null) numbers.shownSpeed = line.stepsPerSecond;
  if (line.loss !== null) numbers.runningSpeed = line.stepsPerSecond;
}

/** A line of epochs beside a bar of steps does not; one beside a bar that only might be the training's is surer. */
function countsTheSame({ step, total }: MetricLine, numbers: JobNumbers): boolean {
  const { owner } = numbers;
  if (!owner || step === null || total === null || total === numbers.total) return true;
  if (owner.rank > ranks.unnamed) return false;
  numbers.owner = null;
  numbers.step = null;
  return true;
}

/** A trainer says how many steps there will be when it begins: what was counted before was another run. */
function announced(numbers: JobNumbers): void {
  numbers.owner = null;
  numbers.other = null;
  numbers.summed = false;
  numbers.step = null;
}

/** Of two unnamed bars the training's is the one behind which a loss is printed. */
function followLoss(numbers: JobNumbers): void {
  const { owner, other } = numbers;
  if (!owner || !other || owner.metrics) return;
  numbers.owner = { key: other.key, rank: owner.rank, metrics: true };
  numbers.step = other.count;
  numbers.total = other.total;
  numbers.shownSpeed = other.stepsPerSecond;
  numbers.runningSpeed = other.stepsPerSecond;
  numbers.other = null;
}

function figuresOf({ count, total, stepsPerSecond }: Bar): Omit<OtherBar, "key"> {
  return { count, total, stepsPerSecond };
}

/** Epochs draw a new bar each: their number is not part of whose it is. An unnamed bar is told by its total. */
export function ownerKey({ description, bar }: DescribedBar, rank: number): string {
  if (rank === ranks.unnamed || rank === ranks.bare) return `#${bar.total}`;
  return description.replaceAll(/\d+/g, "#").slice(0, 200);
}

function takesOver(
  rank: number,
  bar: Bar,
  numbers: JobNumbers,
  owner: NonNullable<JobNumbers["owner"]>,
): boolean {
  if (rank !== owner.rank) return rank > owner.rank;
  // An earlier bar of the same kind that ran to its end without a loss was another phase's.
  const ended = numbers.step !== null && numbers.step === numbers.total;
  return ended && !owner.metrics && bar.count === 0;
}

/** The description may have another print in front of it, for both streams went to one file. */
function isNamed(description: string, jobName: string): boolean {
  return description === jobName || description.endsWith(jobName);
}

const namesItsBar: ReadonlySet<LogTool> = new Set(["sd-scripts", "musubi-tuner", "mlx-lm"]);

const ranks = { bare: 0.5, possible: 1, unnamed: 2, steps: 3, withLoss: 4, named: 5 } as const;

/** Kohya's and diffusers' bars, Lightning's, and what people call theirs. */
const stepsWords =
  /(?:^|\s)(?:steps?|train(?:ing)?|epochs?:? ?\[?\d*(?: ?(?:\/|of) ?\d+)?\]?|iterations?)$/i;

/** What libraries and trainers draw while they do something else. */
const otherWork =
  /(?:^|\W)(?:load(?:ing)?|download(?:ing)?|fetch(?:ing)?|generat(?:e|ing)|sampl(?:e|ing)|cach(?:e|ing)|quantiz(?:e|ing)|freez(?:e|ing)|map|filter|tokeniz(?:e|ing)|packing|saving|merg(?:e|ing)|convert(?:ing)?|calculating|evaluat(?:e|ing|ion)|validat(?:e|ing|ion)|sanity checking|test(?:ing)?|preparing|preprocess(?:ing)?|extracting|encod(?:e|ing)|upload(?:ing)?|resiz(?:e|ing)|bucketing|checking|reading|writing|unsloth|truncating|adding eos|applying chat template|creating|computing|reward|rollout|inference)(?:\W|$)|\.(?:safetensors|bin|ckpt|gguf|json|pth?|zip|parquet|jsonl|model|txt)\b/i;
