import { readPostfix } from "./bar-postfix.ts";

/** One redraw of a tqdm bar. */
export interface Bar {
  readonly percent: number;
  /** Units done; with a suffix (`1.95G`) multiplied out. */
  readonly count: number;
  readonly total: number;
  /** What is counted: `it` for steps, `B` for a download, whatever a library calls it. */
  readonly unit: string;
  readonly elapsedSeconds: number;
  /** Null while tqdm shows `?`. */
  readonly remainingSeconds: number | null;
  /** Units a second; null while tqdm shows `?`. */
  readonly stepsPerSecond: number | null;
  readonly lr: number | null;
  /** NaN and the infinities are kept as such. */
  readonly loss: number | null;
  /** What another print glued to the bar's end, trimmed; empty for a clean redraw. */
  readonly tail: string;
}

/**
 * Reads a fragment of the bar whose description is exactly `name` (any text, regex characters included). Any other
 * bar, a download's for instance, is null: only the job's own bar counts.
 */
export function parseBar(fragment: string, name: string): Bar | null {
  return parseBarAt(fragment, 0, fragment.length, name);
}

/** The same between two places of a longer text: to cut each fragment out of it costs more than to read it. */
export function parseBarAt(text: string, begin: number, end: number, name: string): Bar | null {
  if (!text.startsWith(name, begin)) return null;
  // tqdm adds ": " unless the description ends with it already.
  const from = begin + name.length;
  const adds = text.charCodeAt(from) === colon && text.charCodeAt(from + 1) === space;
  if (from > end || (!adds && !name.endsWith(": "))) return null;
  const bar = parseBarBody(text, adds ? from + 2 : from, end);
  return bar?.unit === "it" ? bar : null;
}

/** A bar and what stands before it; `description` is without the `: ` that tqdm adds. */
export interface DescribedBar {
  readonly description: string;
  readonly bar: Bar;
  /** Only figures, as a notebook prints them below the description: what they count was said elsewhere. */
  readonly bare?: true;
}

/** The first bar of a fragment, whoever drew it. A `%|` inside a name is no bar. */
export function findBar(fragment: string): DescribedBar | null {
  for (let mark = fragment.indexOf("%|"); mark >= 0; mark = fragment.indexOf("%|", mark + 1)) {
    let from = mark;
    while (from > 0 && mark - from < 3 && isDigit(fragment.charCodeAt(from - 1))) from--;
    if (from === mark) continue;
    const bar = parseBarBody(fragment, from);
    if (!bar) continue;
    return { description: descriptionBefore(fragment, from), bar };
  }
  return null;
}

/** Without the `: ` that tqdm adds. */
export function descriptionBefore(fragment: string, at: number): string {
  // What one stream prints into the other's line may be long; a bar's own words are short.
  const before = fragment.slice(Math.max(0, at - longestDescription), at).trimEnd();
  return before.endsWith(":") ? before.slice(0, -1) : before;
}

/**
 * The part after the description: `  8%|▊         | 1/12 [00:00<00:02,  4.07it/s, …]`. Read by hand: this is what a log
 * consists of, and a pattern that takes it apart costs five times as much.
 */
export function parseBarBody(text: string, from = 0, to: number = text.length): Bar | null {
  at = skipSpaces(text, from, 3);
  const percent = readWhole(text, 3);
  if (percent < 0 || text.charCodeAt(at) !== percentSign || text.charCodeAt(at + 1) !== pipe) {
    return null;
  }
  // The bar itself may be Unicode blocks, `#` and digits, or nothing on a narrow terminal; it never holds a `|`.
  const fill = text.indexOf("|", at + 2);
  if (fill < 0 || fill >= to || fill - at > longestFill) return null;
  return parseFigures(text, fill + 1, to, percent);
}

/** The part after the frame: ` 1/12 [00:00<00:02,  4.07it/s, …]`. */
export function parseFigures(text: string, from: number, to: number, percent: number): Bar | null {
  const figures = skipSpaces(text, from, 20);
  at = figures;
  const count = readWhole(text, 15);
  if (count < 0 || text.charCodeAt(at) !== slash) {
    return readOtherUnit(text, figures, to, percent);
  }
  at++;
  const total = readWhole(text, 15);
  if (total < 0 || text.charCodeAt(at) !== space || text.charCodeAt(at + 1) !== openBracket) {
    return readOtherUnit(text, figures, to, percent);
  }
  at += 2;
  const elapsedSeconds = readClock(text, lessThan);
  if (elapsedSeconds === null || Number.isNaN(elapsedSeconds)) return null;
  const remainingSeconds = readClock(text, comma);
  if (remainingSeconds !== null && Number.isNaN(remainingSeconds)) return null;
  at = skipSpaces(text, at, 8);
  const rate = readRate(text);
  if (Number.isNaN(rate)) return null;
  let unit = "it";
  let inverted = false;
  if (text.charCodeAt(at) === smallI && text.startsWith("it/s", at)) {
    at += 4;
  } else if (text.charCodeAt(at) === smallS && text.startsWith("s/it", at)) {
    inverted = true;
    at += 4;
  } else {
    otherRate.lastIndex = at;
    const match = otherRate.exec(text);
    if (!match) return null;
    unit = match[1] ?? match[2] ?? "";
    inverted = match[2] !== undefined;
    at = otherRate.lastIndex;
  }
  const close = text.indexOf("]", at);
  if (close < 0 || close >= to || close - at > longestPostfix) return null;
  if (close > at && (text.charCodeAt(at) !== comma || text.charCodeAt(at + 1) !== space))
    return null;
  const postfix = close > at ? readPostfix(text, at + 2, close) : null;
  return {
    percent,
    count,
    total,
    unit,
    elapsedSeconds,
    remainingSeconds,
    stepsPerSecond: rate < 0 ? null : inverted ? inverse(rate) : rate,
    lr: postfix?.lr ?? null,
    loss: postfix?.loss ?? null,
    tail: close + 1 === to ? "" : text.slice(close + 1, to).trim(),
  };
}

/** Where the reading stands; one for all calls, for an object at each step costs more than the reading. */
let at = 0;

function skipSpaces(text: string, from: number, most: number): number {
  let index = from;
  while (index - from < most && text.charCodeAt(index) === space) index++;
  return index;
}

/** A whole number of at most `most` digits, or -1. */
function readWhole(text: string, most: number): number {
  const from = at;
  let value = 0;
  while (at - from < most) {
    const digit = text.charCodeAt(at) - zero;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    at++;
  }
  return at === from ? -1 : value;
}

/** `MM:SS`, `H:MM:SS`, `N days, H:MM:SS` and the character after it; null for `?`, NaN for anything else. */
function readClock(text: string, after: number): number | null {
  if (text.charCodeAt(at) === questionMark && text.charCodeAt(at + 1) === after) {
    at += 2;
    return null;
  }
  let seconds = 0;
  for (let parts = 0; parts < 3; parts++) {
    const number = readWhole(text, 9);
    if (number < 0) return Number.NaN;
    const next = text.charCodeAt(at);
    if (next === after && parts > 0) {
      at++;
      return seconds * 60 + number;
    }
    if (next === space && parts === 0) return readDays(text, number, after);
    if (next !== colon) return Number.NaN;
    seconds = seconds * 60 + number;
    at++;
  }
  return Number.NaN;
}

function readDays(text: string, days: number, after: number): number | null {
  const words = text.startsWith(" days, ", at) ? 7 : text.startsWith(" day, ", at) ? 6 : 0;
  if (words === 0) return Number.NaN;
  at += words;
  const rest = readClock(text, after);
  return rest === null ? Number.NaN : days * 86_400 + rest;
}

/** `4.07`, exactly as the decimal reads; -1 for `?`, NaN for anything else. */
function readRate(text: string): number {
  if (text.charCodeAt(at) === questionMark) {
    at++;
    return -1;
  }
  const from = at;
  let digits = 0;
  let scale = 1;
  let afterPoint = false;
  for (; at - from < 16; at++) {
    const code = text.charCodeAt(at);
    if (code === point && !afterPoint) {
      afterPoint = true;
      continue;
    }
    const digit = code - zero;
    if (!(digit >= 0 && digit <= 9)) break;
    digits = digits * 10 + digit;
    if (afterPoint) scale *= 10;
  }
  if (at === from) return Number.NaN;
  // Both are whole numbers below 2^53, so the quotient is the double nearest to the decimal.
  return digits / scale;
}

/** A download, or anything else whose counts carry a suffix. Rare enough for a pattern. */
function readOtherUnit(text: string, from: number, to: number, percent: number): Bar | null {
  otherFigures.lastIndex = from;
  const match = otherFigures.exec(text);
  if (!match) return null;
  const [, count, total, elapsed, remaining, rate, unit = ""] = match;
  at = 0;
  const elapsedSeconds = readClock(`${elapsed ?? ""}<`, lessThan);
  if (elapsedSeconds === null || Number.isNaN(elapsedSeconds)) return null;
  at = 0;
  const remainingSeconds = readClock(`${remaining ?? ""},`, comma);
  return {
    percent,
    count: scaled(count),
    total: scaled(total),
    unit,
    elapsedSeconds,
    remainingSeconds: Number.isNaN(remainingSeconds) ? null : remainingSeconds,
    stepsPerSecond: rate === "?" ? null : scaled(rate),
    lr: null,
    loss: null,
    tail: text.slice(otherFigures.lastIndex, to).trim(),
  };
}

/** `1.95G` as a number; tqdm divides by 1,000 at each letter unless told otherwise. */
function scaled(text: string | undefined): number {
  const match = /^([\d.]+)([kKMGTP]?)$/.exec(text ?? "");
  if (!match) return 0;
  return (
    Number(match[1]) * 1_000 ** Math.max(0, " kMGTP".indexOf((match[2] ?? "").replace("K", "k")))
  );
}

function inverse(secondsPerStep: number): number | null {
  return secondsPerStep === 0 ? null : 1 / secondsPerStep;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= zero + 9;
}

const clock = String.raw`(?:\d{1,4} days?, )?[\d:]{1,12}`;
const amount = String.raw`[\d.]{1,16}[kKMGTP]?`;
const otherFigures = new RegExp(
  String.raw`(${amount})/(${amount}) \[(${clock})<(${clock}|\?), {0,8}(${amount}|\?) ?([A-Za-z]{1,20})/s(?:, [^\]]{0,512})?\]`,
  "y",
);
/** `examples/s`, ` files/s`, or seconds for one of them. */
const otherRate = /(?:[kKMGTP]? ?([A-Za-z]{1,20})\/s|s\/ ?([A-Za-z]{1,20}))(?=[,\]])/y;

const longestDescription = 500;
const longestFill = 512;
const longestPostfix = 1_024;
const zero = 48;
const space = 32;
const percentSign = 37;
const comma = 44;
const point = 46;
const slash = 47;
const colon = 58;
const lessThan = 60;
const questionMark = 63;
const openBracket = 91;
const smallI = 105;
const smallS = 115;
const pipe = 124;
