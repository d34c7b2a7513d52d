import { join } from "node:path";
import { limits } from "@trainyard/shared/limits.ts";
import type { Home } from "../../home.ts";
import { errorFields } from "../../log.ts";
import type { Log } from "../../log.ts";
import type { Time } from "../../time.ts";
import { findLlmPython, projectPython } from "./installation.ts";
import { loadLook, lookAtLibraries, lookKey, saveLook } from "./library-look.ts";
import type { LibraryLook } from "./library-look.ts";

/** What this box has for language models. */
export interface LlmBox {
  /** Folder with the files that every project begins with. */
  readonly templates: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The box's, or a project's own. Null: there is no Python at all. */
  python(projectFolder?: string): string | null;
  /** What is known of the box's Python; null while it is being looked at, or where there is none. */
  known(): LibraryLook | null;
  /** The same, waited for. Of a project's own Python it is asked anew each time. */
  look(projectFolder?: string): Promise<LibraryLook | null>;
}

export function createLlmBox(deps: {
  readonly home: Home;
  readonly time: Time;
  readonly log: Log;
  readonly templates: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}): LlmBox {
  const { home, time, log, templates, environment = process.env } = deps;
  const memory = join(home.agent, "llm-libraries.json");
  let running: { readonly python: string; readonly look: Promise<LibraryLook> } | null = null;

  const remembered = (python: string): LibraryLook | null => {
    const kept = loadLook(memory);
    if (kept === null || kept.key !== lookKey(python)) return null;
    // What failed is tried again: drivers and network drives come back without any file changing.
    const stale = kept.problem !== null && time.now() - kept.atMs > limits.importCheckAgainMs;
    return stale ? null : kept;
  };
  const lookAnew = (python: string): Promise<LibraryLook> => {
    if (running?.python === python) return running.look;
    const look = lookAtLibraries(python, time.now())
      .then((found) => {
        if (python === findLlmPython(environment)) saveLook(memory, found);
        log("info", "libraries for language models were looked at", { problem: found.problem });
        return found;
      })
      .finally(() => {
        running = null;
      });
    running = { python, look };
    look.catch((error: unknown) =>
      log("warn", "libraries for language models could not be looked at", errorFields(error)),
    );
    return look;
  };

  return {
    templates,
    environment,
    python: (folder) =>
      (folder === undefined ? null : projectPython(folder)) ?? findLlmPython(environment),
    known() {
      const python = findLlmPython(environment);
      if (python === null) return null;
      const found = remembered(python);
      if (found === null) void lookAnew(python).catch(() => undefined);
      return found;
    },
    async look(folder) {
      const own = folder === undefined ? null : projectPython(folder);
      if (own !== null) return lookAnew(own);
      const python = findLlmPython(environment);
      return python === null ? null : (remembered(python) ?? lookAnew(python));
    },
  };
}
