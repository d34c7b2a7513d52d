import type { Bar, DescribedBar } from "./bar.ts";
import type { Frozen } from "../failure/verdict.ts";
import { ownerKey, rankOf } from "../job-numbers.ts";
import type { LogTool } from "../log-report.ts";

/** What is remembered of a bar between its redraws: plain JSON. */
export interface DrawnBar {
  readonly description: string;
  readonly total: number;
  count: number;
  /** Of the bar's own clock, when this count was first drawn, and at the last redraw. */
  sinceSeconds: number;
  seconds: number;
  stepSeconds: number | null;
  readonly isDownload: boolean;
  isJob: boolean;
  finished: boolean;
  /** Whose bar it is and how sure that is; worked out again when more is known. */
  rank: number;
  owner: string;
  readonly rankedWith: { withFigures: boolean; jobName: string | null; tool: LogTool | null };
}

export interface DrawnBars {
  /** The latest few. */
  bars: DrawnBar[];
  /** The redraw that was read last, with what was glued to it. */
  last: { description: string; total: number; text: string; tail: string } | null;
  /** Redraws that may only be a bar's closing one. */
  doubtful: number;
}

export function noBars(): DrawnBars {
  return { bars: [], last: null, doubtful: 0 };
}

/** The bar's memory, made at its first redraw; what it is worked out to be holds while the same is known. */
export function remembered(
  drawn: DescribedBar,
  state: DrawnBars,
  jobName: string | null,
  tool: LogTool | null,
): DrawnBar {
  const { description, bar } = drawn;
  const withFigures = bar.lr !== null || bar.loss !== null;
  for (const known of state.bars) {
    if (known.total !== bar.total || known.description !== description) continue;
    const { rankedWith } = known;
    if (
      rankedWith.withFigures !== withFigures ||
      rankedWith.jobName !== jobName ||
      rankedWith.tool !== tool
    ) {
      known.rank = rankOf(drawn, jobName, tool);
      known.owner = ownerKey(drawn, known.rank);
      rankedWith.withFigures = withFigures;
      rankedWith.jobName = jobName;
      rankedWith.tool = tool;
    }
    return known;
  }
  const rank = rankOf(drawn, jobName, tool);
  const made: DrawnBar = {
    description,
    total: bar.total,
    count: -1,
    sinceSeconds: bar.elapsedSeconds,
    seconds: bar.elapsedSeconds,
    stepSeconds: null,
    isDownload: bar.unit === "B",
    isJob: false,
    finished: false,
    rank,
    owner: ownerKey(drawn, rank),
    rankedWith: { withFigures, jobName, tool },
  };
  state.bars.push(made);
  if (state.bars.length > rememberedBars) state.bars.shift();
  return made;
}

/** Takes a redraw. Returns whether it proves that the run goes on. */
export function redraw(
  known: DrawnBar,
  bar: Bar,
  endedBy: string,
  isJob: boolean,
  state: DrawnBars,
): boolean {
  const first = known.count < 0;
  const moved = first || bar.count !== known.count || bar.elapsedSeconds < known.seconds;
  known.isJob = isJob;
  known.seconds = bar.elapsedSeconds;
  known.finished = bar.count >= bar.total;
  if (!moved) return false;
  if (bar.stepsPerSecond) known.stepSeconds = 1 / bar.stepsPerSecond;
  known.count = bar.count;
  known.sinceSeconds = bar.elapsedSeconds;
  if (endedBy === "\r" || known.finished) return true;
  // A bar that an exception closes may show steps it had not drawn yet; one more redraw proves that it went on.
  if (first) return false;
  state.doubtful++;
  return state.doubtful > 1;
}

/** The bar drawn last, when it was painted again and again at one count for too long. */
export function frozenBar({ bars, last }: DrawnBars): Frozen | null {
  if (!last) return null;
  const bar = bars.find(
    ({ description, total }) => description === last.description && total === last.total,
  );
  if (!bar || bar.finished) return null;
  const still = bar.seconds - bar.sinceSeconds;
  const line = barText(last.text, last.tail);
  if (bar.isDownload) {
    return still >= downloadStillSeconds ? { what: "frozenDownload", line } : null;
  }
  const usual = Math.max(barStillSeconds, stillSteps * (bar.stepSeconds ?? 0));
  return bar.isJob && still >= usual ? { what: "frozenBar", line } : null;
}

/** A redraw without what was glued to its end. */
export function barText(text: string, tail: string): string {
  return tail === "" ? text.trimEnd() : text.slice(0, text.lastIndexOf(tail)).trimEnd();
}

const rememberedBars = 8;
/** A download that gains nothing for so long on its own clock is stuck; they are drawn ten times a second. */
const downloadStillSeconds = 10;
const barStillSeconds = 1_800;
const stillSteps = 50;
