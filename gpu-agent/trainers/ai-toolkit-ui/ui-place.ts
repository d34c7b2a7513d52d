import type { AttemptFiles, Home } from "../../home.ts";
import type { Time } from "../../time.ts";
import type { OutputPlace } from "../trainer.ts";
import { readFileSync } from "node:fs";
import type { UiAttempt } from "./ui-attempt.ts";
import {
  allowedFolder,
  allowedUiRoots,
  isSameLog,
  openUiLog,
  outputFolderOf,
  placeBelow,
} from "./ui-output.ts";
import { configOfJob } from "./ui-rows.ts";

/** Where a UI job's files lie on this box. */
export interface UiPlace {
  /** Null: elsewhere, or where this box's policy does not let us read. */
  look(state: UiAttempt): OutputPlace | null;
}

const keepMs = 2_000;

export function createUiPlace(deps: {
  readonly home: Home;
  readonly time: Time;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly files: AttemptFiles;
  /** Of the config, which names the folder that Python writes to. */
  readonly name: string;
}): UiPlace {
  const { time } = deps;
  let known: { readonly atMs: number; readonly place: OutputPlace | null } | null = null;
  return {
    look(state) {
      if (known !== null && time.monotonic() - known.atMs < keepMs) return known.place;
      known = { atMs: time.monotonic(), place: find(state, deps) };
      return known.place;
    },
  };
}

function find(
  state: UiAttempt,
  { home, environment, files, name }: Parameters<typeof createUiPlace>[0],
): OutputPlace | null {
  if (state.trainingFolder === null || state.name === null) return null;
  const roots = rootsOf(home, environment);
  const logRoot = allowedFolder(state.trainingFolder, roots);
  const log = logRoot === null ? null : openUiLog(logRoot, state.name);
  if (log === null) return null;
  try {
    if (!isSameLog(log, files.stdout, state.mirror)) return null;
  } finally {
    log.close();
  }
  const config = configOfJob({ job_config: readFileSync(files.config, "utf8") });
  const written = outputFolderOf(state.ours ? {} : (config?.process ?? {}), state.trainingFolder);
  const root = allowedFolder(written, roots);
  return root === null ? null : placeBelow(root, state.ours ? state.name : name);
}

/** A policy that cannot be read allows nothing. */
function rootsOf(
  home: Home,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  try {
    return allowedUiRoots(home, environment);
  } catch {
    return [];
  }
}
