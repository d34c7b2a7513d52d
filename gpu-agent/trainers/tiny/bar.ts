const CELLS = 10;
const PARTIAL_BLOCKS = " ▏▎▍▌▋▊▉";
const minRedrawMs = 100;

/** A tqdm bar as AI Toolkit's log shows it: redrawn with \r, one \n when it closes. */
export interface Bar {
  /** Text after the speed. Redraws at once, with the count as it was. */
  readonly setPostfix: (postfix: string) => void;
  /** One more. Redraws only when the last counted redraw is 0.1 s ago. */
  readonly advance: () => void;
  /** Takes the time until its `resume` out of the bar's clock; a pause may lie inside another. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly close: () => void;
}

export interface BarOptions {
  /** Empty for tqdm's bar without a name. */
  readonly name: string;
  readonly total: number;
  readonly initial?: number;
  /** Weight of the newest interval in the printed speed. */
  readonly smoothing?: number;
  /** Rows below the cursor: 1 for a bar that is drawn while another one is open. */
  readonly row?: 0 | 1;
  /** Whether the closed bar stays visible. */
  readonly leave?: boolean;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

export function openBar(options: BarOptions): Bar {
  const {
    name,
    total,
    initial = 0,
    smoothing = 0.3,
    row = 0,
    leave = true,
    write,
    nowMs,
  } = options;
  let count = initial;
  let postfix = "";
  let startMs = nowMs();
  let pausedAtMs = 0;
  let pauses = 0;
  let lastCount = initial;
  let lastMs = startMs;
  let lastLength = 0;
  const countAverage = createAverage(smoothing);
  const timeAverage = createAverage(smoothing);

  const put = (text: string): void => {
    // tqdm blanks what a longer text before left over, counting characters.
    const padded = text + " ".repeat(Math.max(0, lastLength - text.length));
    lastLength = text.length;
    write(row === 1 ? `\n\r${padded}\u001b[A` : `\r${padded}`);
  };
  const draw = (rate: number | undefined): void => {
    const elapsedSeconds = (nowMs() - startMs) / 1000;
    put(barText({ name, total, initial, count, elapsedSeconds, rate, postfix }));
  };
  const smoothedRate = (): number | undefined => {
    const seconds = timeAverage.value();
    return seconds > 0 ? countAverage.value() / seconds : undefined;
  };

  draw(undefined);
  return {
    setPostfix(text) {
      postfix = text;
      draw(smoothedRate());
    },
    advance() {
      count++;
      const now = nowMs();
      if (now - lastMs < minRedrawMs) return;
      countAverage.add(count - lastCount);
      timeAverage.add((now - lastMs) / 1000);
      draw(smoothedRate());
      lastCount = count;
      lastMs = now;
    },
    pause() {
      if (pauses === 0) pausedAtMs = nowMs();
      pauses++;
    },
    resume() {
      if (pauses === 0) return;
      pauses--;
      if (pauses > 0) return;
      startMs += nowMs() - pausedAtMs;
      lastMs = nowMs();
    },
    close() {
      if (leave) {
        // Without a smoothed rate the text falls back to the average of the whole run: tqdm's closing line.
        draw(undefined);
        write("\n");
      } else {
        put("");
        if (row === 0) write("\r");
      }
    },
  };
}

interface BarState {
  readonly name: string;
  readonly total: number;
  readonly initial: number;
  readonly count: number;
  readonly elapsedSeconds: number;
  /** Per second; without one the average since the start is used. */
  readonly rate: number | undefined;
  readonly postfix: string;
}

/** tqdm's `format_meter` for a stream that is no terminal. */
export function barText(state: BarState): string {
  const { name, total, initial, count, elapsedSeconds, postfix } = state;
  const ratio = total > 0 ? count / total : 1;
  const average = elapsedSeconds > 0 ? (count - initial) / elapsedSeconds : 0;
  const rate = state.rate ?? average;
  const percent = String(roundHalfEven(ratio * 100)).padStart(3);
  const remaining = rate > 0 ? interval((total - count) / rate) : "?";
  const prefix = name === "" ? "" : `${name}: `;
  const suffix = postfix === "" ? "" : `, ${postfix}`;
  return `${prefix}${percent}%|${cells(ratio)}| ${count}/${total} [${interval(elapsedSeconds)}<${remaining}, ${speed(rate)}${suffix}]`;
}

/** A number as Python's `{:.3e}`: the exponent has two digits at least. */
export function exponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  return value
    .toExponential(digits)
    .replace(/e([+-])(\d+)$/, (_, sign: string, exponent: string) => {
      return `e${sign}${exponent.padStart(2, "0")}`;
    });
}

function cells(ratio: number): string {
  const eighths = Math.min(CELLS * 8, Math.max(0, Math.floor(ratio * CELLS * 8)));
  const full = Math.floor(eighths / 8);
  if (full >= CELLS) return "█".repeat(CELLS);
  return `${"█".repeat(full)}${PARTIAL_BLOCKS[eighths % 8] ?? " "}${" ".repeat(CELLS - full - 1)}`;
}

function speed(rate: number): string {
  if (!(rate > 0)) return "?it/s";
  const [value, unit] = rate < 1 ? [1 / rate, "s/it"] : [rate, "it/s"];
  return `${value.toFixed(2).padStart(5)}${unit}`;
}

function interval(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  const pad = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** Python rounds 12.5 to 12. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** An average whose early values are not pulled towards zero. */
function createAverage(smoothing: number): {
  readonly add: (value: number) => void;
  readonly value: () => number;
} {
  let last = 0;
  let calls = 0;
  return {
    add(value) {
      last = smoothing * value + (1 - smoothing) * last;
      calls++;
    },
    value: () => (calls === 0 ? 0 : last / (1 - (1 - smoothing) ** calls)),
  };
}
