import { trainerOf } from "@trainyard/shared/logs/trainer-kind.ts";

/**
 * Whose bar it is: AI Toolkit's own header says it; a log that was cut tells it by the bar that is drawn most often and is
 * no library's. Null when there is no bar at all.
 */
export function findJobName(log: string): string | null {
  return jobHeader(log) ?? barNames(log)[0] ?? null;
}

/** What AI Toolkit's own header calls the job. */
export function jobHeader(log: string): string | null {
  return /^# Running job: (.+?)\r?$/m.exec(log)?.[1] ?? null;
}

/** Names on the bars that are no library's, the one drawn most often first; at most five. */
export function barNames(log: string): string[] {
  const counts = new Map<string, number>();
  for (const [, label = ""] of log.matchAll(
    /(?:^|[\r\n])([^\r\n]{1,200}?): +\d{1,3}%\|[^|\r\n]*\| *\d+\/\d+ \[/g,
  )) {
    if (!libraryBar.test(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const ordered = [...counts].toSorted(([, a], [, b]) => b - a);
  return ordered.slice(0, 5).map(([label]) => label);
}

/** By its header, by its bar's own postfix where the beginning was cut off, or by the first line that gives a trainer away. */
export function isAiToolkitLog(log: string): boolean {
  if (jobHeader(log) !== null || /\| *\d+\/\d+ \[[^\]\r\n]{1,80}, lr: \S+ loss: /.test(log))
    return true;
  for (const line of log.split(/[\r\n]+/)) {
    const tool = trainerOf(line);
    if (tool !== null) return tool === "ai-toolkit";
  }
  return false;
}

const libraryBar =
  /^(?:Loading|Generating|Caching|Calculating|Fetching|Downloading|Map|Filter|Tokenizing|Quantizing|Encoding|Saving)\b/;
