/**
 * Whose bar it is: AI Toolkit's own header says it; a log that was cut tells it by the bar that is drawn most often and is
 * no library's. Null when there is no bar at all.
 */
export function findJobName(log: string): string | null {
  const header = /^# Running job: (.+?)\r?$/m.exec(log)?.[1];
  if (header !== undefined) return header;
  const counts = new Map<string, number>();
  for (const [, label = ""] of log.matchAll(
    /(?:^|[\r\n])([^\r\n]{1,200}?): +\d{1,3}%\|[^|\r\n]*\| *\d+\/\d+ \[/g,
  )) {
    if (!libraryBar.test(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  return most?.[0] ?? null;
}

const libraryBar =
  /^(?:Loading|Generating|Caching|Fetching|Downloading|Map|Filter|Tokenizing|Quantizing|Encoding|Saving)\b/;
