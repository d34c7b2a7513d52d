export interface Answered {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
  readonly ms: number;
}

/** A stack, a file of ours, or the code for a fault of ours. */
export const inside = /\n\s+at |\.[cm]?[jt]s:\d+|node_modules|\bINTERNAL\b/;

/** What is wrong with an answer to nonsense: a failure of ours, a look inside, no sense, too late. */
export function complaints({ status, contentType, text, ms }: Answered): string[] {
  const found: string[] = [];
  if (status >= 500) found.push(`status ${status}`);
  if (inside.test(text)) found.push("shows its inside");
  if (ms > 2_000) found.push(`took ${Math.round(ms)} ms`);
  if (text === "") return found;
  const messages = (contentType ?? "").startsWith("text/event-stream")
    ? text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
    : [text];
  for (const message of messages) {
    try {
      const told = JSON.parse(message) as { error?: { code?: unknown; message?: unknown } } | null;
      const error = told?.error;
      if (error === undefined || error === null) continue;
      if (error.code === -32_603) found.push("an internal error");
      if (error.code === undefined || typeof error.message !== "string") found.push("no reason");
    } catch {
      if (status >= 400 || (contentType ?? "").includes("json")) found.push("not JSON");
    }
  }
  return found.map((what) => `${what}: ${text.slice(0, 300)}`);
}
