/** One line on standard error that is painted over, on a terminal alone: a log must not fill with it. */
export interface ProgressLine {
  show(text: string): void;
  /** Ends the line, so that what follows stands below it. */
  end(): void;
}

const paintMs = 100;

export function createProgressLine(quiet: boolean): ProgressLine {
  if (quiet || !process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  let paintedAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(text) {
      const now = performance.now();
      if (now - paintedAt < paintMs) return;
      paintedAt = now;
      isShown = true;
      process.stderr.write(`\r\u001B[K${text}`);
    },
    end() {
      if (isShown) process.stderr.write("\r\u001B[K");
      isShown = false;
    },
  };
}

/** Bytes as people say them, decimal, with the speed since `startedAt` (performance.now). */
export function amount(done: number, total: number, startedAt: number): string {
  const seconds = Math.max(0.001, (performance.now() - startedAt) / 1_000);
  const share = total === 0 ? 100 : Math.floor((100 * done) / total);
  return `${share} %  ${size(done)} of ${size(total)}  ${size(done / seconds)}/s`;
}

export function size(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const at = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)),
  );
  const value = bytes / 1_000 ** at;
  return `${at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at] ?? ""}`;
}

/** A file name comes from anywhere: a terminal must not obey what is in it. */
export function shown(name: string): string {
  return name.replace(/[\p{C}]/gu, "?");
}
