/** One redraw of a tqdm bar. */
export interface Bar {
  readonly percent: number;
  readonly count: number;
  readonly total: number;
  readonly elapsedSeconds: number;
  /** Null while tqdm shows `?`. */
  readonly remainingSeconds: number | null;
  readonly stepsPerSecond: number | null;
  readonly lr: number | null;
  /** NaN and the infinities are kept as such. */
  readonly loss: number | null;
  /** The loss as it was printed: two redraws show the same loss exactly when these are equal. */
  readonly lossText: string | null;
  /** What another print glued to the bar's end, trimmed; empty for a clean redraw. */
  readonly tail: string;
}

/**
 * Reads a fragment of the bar whose description is exactly `name` (any text, regex characters included). Any other
 * bar, a download's for instance, is null: only the job's own bar counts.
 */
export function parseBar(fragment: string, name: string): Bar | null {
  if (!fragment.startsWith(name)) return null;
  // tqdm adds ": " unless the description ends with it already.
  const rest = fragment.slice(name.length);
  const body = rest.startsWith(": ") ? rest.slice(2) : name.endsWith(": ") ? rest : null;
  return body === null ? null : parseBarBody(body);
}

/** The part after the description: `  8%|▊         | 1/12 [00:00<00:02,  4.07it/s, …]`. */
export function parseBarBody(body: string): Bar | null {
  const match = barPattern.exec(body);
  if (!match) return null;
  const [whole, percent, count, total, elapsed, remaining, rate, unit, postfix] = match;
  const elapsedSeconds = parseSeconds(elapsed);
  if (elapsedSeconds === null) return null;
  const speed = parseNumber(rate);
  const lossText = lossPattern.exec(postfix ?? "")?.[1] ?? null;
  return {
    percent: Number(percent),
    count: Number(count),
    total: Number(total),
    elapsedSeconds,
    remainingSeconds: parseSeconds(remaining),
    stepsPerSecond: speed === null ? null : unit === "s/it" ? inverse(speed) : speed,
    lr: parseNumber(lrPattern.exec(postfix ?? "")?.[1]),
    loss: parseNumber(lossText ?? undefined),
    lossText,
    tail: body.slice(whole.length).trim(),
  };
}

/** The bar itself may be Unicode blocks, `#` and digits, or nothing on a narrow terminal; it never holds a `|`. */
const barPattern =
  /^ {0,3}(\d{1,3})%\|[^|]{0,512}\| {0,20}(\d{1,15})\/(\d{1,15}) \[((?:\d+ days?, )?[\d:]{1,12})<((?:\d+ days?, )?[\d:]{1,12}|\?), {0,8}([\d.]{1,16}|\?)(it\/s|s\/it)(?:, ([^\]]{0,512}))?\]/;
const lrPattern = /(?:^|[ ,])lr: (\S{1,32}?)(?=$|[ ,])/;
const lossPattern = /(?:^|[ ,])loss: (\S{1,32}?)(?=$|[ ,])/;
const numberPattern = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

function parseNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (numberPattern.test(text)) return Number(text);
  if (/^[-+]?nan$/i.test(text)) return Number.NaN;
  if (/^\+?inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  return /^-inf$/i.test(text) ? Number.NEGATIVE_INFINITY : null;
}

function inverse(secondsPerStep: number): number | null {
  return secondsPerStep === 0 ? null : 1 / secondsPerStep;
}

/** `MM:SS`, `H:MM:SS`, `N days, H:MM:SS`. */
function parseSeconds(text: string | undefined): number | null {
  const match = /^(?:(\d+) days?, )?(?:(\d+):)?(\d+):(\d\d)$/.exec(text ?? "");
  if (!match) return null;
  const [, days = "0", hours = "0", minutes, seconds] = match;
  return Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}
