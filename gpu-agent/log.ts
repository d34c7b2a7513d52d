export type LogLevel = "debug" | "info" | "warn" | "error";

/** One line of JSON per entry; the fields must be free of secrets. */
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

const words: ReadonlyMap<string, LogLevel> = new Map([
  ["trace", "debug"],
  ["debug", "debug"],
  ["info", "info"],
  ["warn", "warn"],
  ["warning", "warn"],
  ["error", "error"],
  ["critical", "error"],
]);

/**
 * @param told What was said, the strongest first; nothing and an empty text say nothing.
 * @returns `info` where nothing is said, or a word that is none.
 */
export function logLevelOf(told: readonly (string | undefined)[]): LogLevel {
  const said = told.map((text) => text?.trim().toLowerCase() ?? "").find((text) => text !== "");
  return words.get(said ?? "") ?? "info";
}

export function createLog(
  write: (line: string) => void,
  options: { readonly minimum: LogLevel; readonly now: () => number },
): Log {
  return (level, message, fields = {}) => {
    if (rank[level] < rank[options.minimum]) return;
    write(
      `${JSON.stringify({ at: new Date(options.now()).toISOString(), level, message, ...fields })}\n`,
    );
  };
}

/** What may stand in a log of an unexpected error. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    error: error.message,
    ...(typeof code === "string" ? { code } : {}),
    stack: error.stack,
  };
}
