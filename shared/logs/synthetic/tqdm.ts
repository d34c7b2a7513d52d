/** tqdm's bars as they look without a terminal, and Python's way of writing numbers. */

export interface BarFigures {
  readonly count: number;
  readonly total: number;
  readonly elapsedSeconds: number;
  /** Units a second; null as long as there is none. */
  readonly rate: number | null;
  readonly unit?: string;
  /** What stands behind the rate, without the comma. */
  readonly postfix?: string;
  /** `#` and digits instead of blocks, as a stream without an encoding gets. */
  readonly ascii?: boolean;
}

/** `name:  83%|████████▎ | 10/12 [00:05<00:02,  1.08s/it, lr: 1.0e-04 loss: 1.234e-02]`, without a separator. */
export function bar(description: string, figures: BarFigures): string {
  const { count, total, elapsedSeconds, rate } = figures;
  const share = count / total;
  const remaining = rate === null ? "?" : interval((total - count) / rate);
  const postfix = figures.postfix === undefined ? "" : `, ${figures.postfix}`;
  return (
    (description === "" ? "" : `${description}: `) +
    `${String(roundHalfEven(share * 100)).padStart(3)}%|${fill(share, figures.ascii ?? false)}| ` +
    `${count}/${total} [${interval(elapsedSeconds)}<${remaining}, ${rateText(rate, figures.unit)}${postfix}]`
  );
}

/** A download's bar, whose counts carry suffixes: `model.safetensors:  12%|█▏        | 1.19G/9.90G [00:10<01:20, 109MB/s]`. */
export function downloadBar(
  file: string,
  figures: { bytes: number; total: number; elapsedSeconds: number; rate: number | null },
): string {
  const { bytes, total, elapsedSeconds, rate } = figures;
  const share = bytes / total;
  const remaining = rate === null || rate === 0 ? "?" : interval((total - bytes) / rate);
  return (
    `${file}: ${String(roundHalfEven(share * 100)).padStart(3)}%|${fill(share, false)}| ` +
    `${scaled(bytes)}/${scaled(total)} [${interval(elapsedSeconds)}<${remaining}, ` +
    `${rate === null ? "?" : scaled(rate)}B/s]`
  );
}

/** The speed in steps a second that a reader finds in a bar drawn with this rate; null as long as there is none. */
export function shownSpeed(rate: number | null): number | null {
  if (rate === null) return null;
  const speed = rate >= 1 ? Number(rate.toFixed(2)) : 1 / Number((1 / rate).toFixed(2));
  return Number(speed.toFixed(6));
}

/** Python's `{:.3e}`: at least two digits of exponent. */
export function exponent(value: number, digits: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
}

function rateText(rate: number | null, unit = "it"): string {
  if (rate === null) return `?${unit}/s`;
  return rate >= 1
    ? `${rate.toFixed(2).padStart(5)}${unit}/s`
    : `${(1 / rate).toFixed(2).padStart(5)}s/${unit}`;
}

/** `MM:SS`, or `H:MM:SS` from an hour on. */
function interval(seconds: number): string {
  const whole = Math.trunc(seconds);
  const clock = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return whole >= 3_600 ? `${Math.floor(whole / 3_600)}:${clock}` : clock;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Three digits and a letter, as tqdm scales bytes. */
function scaled(value: number): string {
  let rest = value;
  for (const letter of ["", "k", "M", "G"]) {
    if (rest < 999.5) return `${rest.toPrecision(3).slice(0, 4).replace(/\.$/, "")}${letter}`;
    rest /= 1_000;
  }
  return `${rest.toPrecision(3)}T`;
}

const cells = 10;
const blocks = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"] as const;

function fill(share: number, ascii: boolean): string {
  const parts = ascii ? 10 : 8;
  const eighths = Math.trunc(Math.min(1, share) * cells * parts);
  const whole = Math.floor(eighths / parts);
  const full = (ascii ? "#" : "█").repeat(whole);
  if (whole >= cells) return full;
  const rest = eighths % parts;
  const part = ascii ? (rest === 0 ? " " : String(rest)) : (blocks[rest] ?? " ");
  return full + part + " ".repeat(cells - whole - 1);
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
