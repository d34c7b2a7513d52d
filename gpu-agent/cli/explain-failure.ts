import { AppError } from "@trainyard/shared/errors.ts";
import { UsageError } from "./usage-error.ts";

export interface ExplainedFailure {
  readonly text: string;
  readonly exitCode: 1 | 2;
}

/**
 * What a person at a terminal is told: what was wrong and what to do. Only what nobody foresaw shows its stack.
 * @param pathOption The option that names the files which the command writes.
 */
export function explainFailure(error: unknown, pathOption = "--home"): ExplainedFailure {
  if (error instanceof UsageError) {
    return { text: `${error.message}\nRun: trainyard --help\n`, exitCode: 2 };
  }
  if (error instanceof AppError) {
    return {
      text: `${error.code}  ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`,
      exitCode: 1,
    };
  }
  const { code, path, message } = error as { code?: unknown; path?: unknown; message?: unknown };
  if (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS")) {
    return { text: `${String(message)}\nRun: trainyard --help\n`, exitCode: 2 };
  }
  if (typeof code === "string" && typeof path === "string" && code in fileProblems) {
    return {
      text: `${fileProblems[code as keyof typeof fileProblems]}: ${path} (${code})\nChoose another ${pathOption}, or correct it.\n`,
      exitCode: 1,
    };
  }
  return {
    text: `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    exitCode: 1,
  };
}

const fileProblems = {
  EACCES: "This may not be read or written",
  EROFS: "This lies on a read-only disk",
  EEXIST: "Something else than a folder is in the way",
  ENOTDIR: "This is not a folder",
  ENOENT: "This does not exist and cannot be made",
  ENOSPC: "The disk is full",
} as const;
