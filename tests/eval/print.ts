import { type CaseScore, numberNames } from "./score.ts";

export function percent(share: number): string {
  return Number.isNaN(share) ? "-" : `${(share * 100).toFixed(1)} %`;
}

/** Columns as wide as they need; the first to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? text.padEnd(width) : text.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return [head, ...rows].map(line).join("\n");
}

/** One line for each label that was not met. */
export function misses(scores: readonly CaseScore[]): string[] {
  return scores.flatMap((score) => {
    const { case: one, report } = score;
    const { expect } = one;
    const found = {
      step: [report.lastStep, expect.last_step],
      total: [report.totalSteps, expect.total_steps],
      loss: [report.lastLoss, expect.last_loss],
      lr: [report.lastLr, expect.last_lr],
      speed: [report.lastSpeed, expect.last_speed_it_s],
    } as const;
    const wrong: [string, unknown, unknown][] = [
      ...(score.outcome ? [] : [["outcome", report.outcome, expect.outcome] as const]),
      ...(score.category ? [] : [["category", report.category, expect.category] as const]),
      ...(score.rootCause
        ? []
        : [["root cause", report.rootCauseLine, expect.root_cause_line] as const]),
      ...numberNames
        .filter((name) => !score.numbers[name])
        .map((name) => [name, ...found[name]] as const),
    ].map(([what, got, wanted]) => [what, got, wanted]);
    return wrong.map(
      ([what, got, wanted]) =>
        `${one.id} ${one.tool} ${what}: ${JSON.stringify(got)}, labelled ${JSON.stringify(wanted)} [${report.signature ?? "no row"}]`,
    );
  });
}
