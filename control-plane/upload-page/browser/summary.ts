import { isMoving, isSettled } from "./item.ts";
import type { Item } from "./item.ts";

export interface Totals {
  readonly files: number;
  readonly saved: number;
  readonly refused: number;
  /** Of those that are refused. */
  readonly retryable: number;
  readonly asking: number;
  /** Files that go on by themselves. */
  readonly open: number;
  readonly bytes: number;
  readonly doneBytes: number;
}

export function totalsOf(items: readonly Item[]): Totals {
  const count = (is: (item: Item) => boolean): number => items.filter(is).length;
  const wanted = items.filter(({ phase }) => phase.kind !== "refused");
  return {
    files: items.length,
    saved: count(({ phase }) => isSettled(phase)),
    refused: count(({ phase }) => phase.kind === "refused"),
    retryable: count(({ phase }) => phase.kind === "refused" && !phase.isFinal),
    asking: count(({ phase }) => phase.kind === "asking"),
    open: count(({ phase }) => phase.kind === "waiting" || isMoving(phase)),
    bytes: wanted.reduce((sum, { file }) => sum + file.size, 0),
    doneBytes: wanted.reduce(
      // What is read only has not moved yet.
      (sum, { phase, doneBytes }) => sum + (phase.kind === "reading" ? 0 : doneBytes),
      0,
    ),
  };
}

/** The state of all files in one sentence. */
export function summaryOf({ files, saved, refused, asking, open }: Totals): string {
  const others = [
    ...(open === 0 ? [] : [`${open} to go`]),
    ...(asking === 0 ? [] : [`${asking} ${asking === 1 ? "needs" : "need"} your answer`]),
    ...(refused === 0 ? [] : [`${refused} not taken`]),
  ];
  if (others.length === 0) {
    return files === 1
      ? "The file is saved. You can close this page."
      : `All ${files} files are saved. You can close this page.`;
  }
  return `${saved} of ${files} ${files === 1 ? "file" : "files"} saved, ${others.join(", ")}`;
}

/** `3.4 of 12 MB`. */
export function amountOf({ doneBytes, bytes }: Totals): string {
  const unit = bytes >= 1e9 ? 1e9 : 1e6;
  const number = (value: number): string => (value / unit).toFixed(value / unit >= 10 ? 0 : 1);
  return `${number(doneBytes)} of ${number(bytes)} ${unit === 1e9 ? "GB" : "MB"}`;
}

/** How much longer, by what went out in the last seconds; empty while that says nothing. */
export function createForecast(now: () => number) {
  const marks: { readonly atMs: number; readonly bytes: number }[] = [];
  const windowMs = 20_000;
  return ({ doneBytes, bytes }: Totals): string => {
    const atMs = now();
    marks.push({ atMs, bytes: doneBytes });
    while ((marks[0]?.atMs ?? atMs) < atMs - windowMs) marks.shift();
    const [first] = marks;
    if (first === undefined || atMs - first.atMs < 3_000 || doneBytes <= first.bytes) return "";
    const seconds = ((bytes - doneBytes) * (atMs - first.atMs)) / (doneBytes - first.bytes) / 1_000;
    if (seconds < 10) return "";
    return seconds < 90
      ? `about ${Math.round(seconds / 10) * 10} s left`
      : `about ${Math.round(seconds / 60)} min left`;
  };
}
