export interface Progress {
  readonly step: number;
  readonly total: number;
  readonly loss: number | null;
  readonly stepsPerSecond: number | null;
  readonly remainingSeconds: number | null;
  readonly phase: string | null;
}

/** One line that is repainted in a terminal, and one line each tenth elsewhere, so that a log stays readable. */
export function createProgressBar(write: (text: string) => void, terminal: boolean) {
  let lastTenth = -1;
  let painted = false;
  return {
    show(progress: Progress): void {
      const line = formatProgress(progress);
      if (terminal) {
        write(`\r\u001b[2K${line}`);
        painted = true;
        return;
      }
      const tenth = Math.floor((progress.step / Math.max(1, progress.total)) * 10);
      if (tenth === lastTenth) return;
      lastTenth = tenth;
      write(`${line}\n`);
    },
    end(): void {
      if (painted) write("\n");
    },
  };
}

function formatProgress(progress: Progress): string {
  const ratio = Math.min(1, progress.step / Math.max(1, progress.total));
  const filled = Math.round(ratio * 24);
  const parts = [
    `${"█".repeat(filled)}${"░".repeat(24 - filled)} ${String(Math.round(ratio * 100)).padStart(3)} %`,
    `step ${progress.step}/${progress.total}`,
    progress.loss === null ? "loss -" : `loss ${progress.loss.toFixed(4)}`,
    progress.stepsPerSecond === null
      ? "- steps/s"
      : `${progress.stepsPerSecond.toFixed(1)} steps/s`,
    progress.remainingSeconds === null ? "ETA -" : `ETA ${Math.ceil(progress.remainingSeconds)} s`,
  ];
  if (progress.phase !== null && progress.phase !== "training") parts.push(progress.phase);
  return parts.join("  ");
}
