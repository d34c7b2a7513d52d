import { livenessOf } from "../../jobs/process-identity.ts";
import type { ProcessIdentity, ProcessView } from "../../jobs/process-identity.ts";
import type { UiProcess } from "./ui-end.ts";

/** Finds the process of one UI job on this box and looks after it. */
export interface UiProcessWatch {
  look(configPath: string | null, pid: number | null): UiProcess;
  /** Once it was found. */
  identity(): ProcessIdentity | null;
}

/**
 * The UI starts `python run.py <training folder>/<name>/.job_config.json`: that argument names the job, also where the process is
 * another user's or, from a container, has another pid here than the row says. `local`: the UI's own folders are this box's, so
 * what is not found here does not run.
 */
export function watchUiProcess(
  view: ProcessView,
  options: {
    readonly known: ProcessIdentity | null;
    readonly bootId: string;
    readonly local: () => boolean;
  },
): UiProcessWatch {
  const { bootId, local } = options;
  let identity = options.known;
  const find = (configPath: string, pid: number | null): boolean | null => {
    const pids = view.withArgument(configPath);
    if (pids === null) return null;
    // Its data loaders are its children and have the same command line.
    const parent = pid !== null && pids.includes(pid) ? pid : pids.toSorted((a, b) => a - b)[0];
    const startTicks = parent === undefined ? null : view.startTicks(parent);
    if (parent === undefined || startTicks === null) return false;
    identity = { pid: parent, startTicks, bootId };
    return true;
  };
  return {
    identity: () => identity,
    look(configPath, pid) {
      if (identity !== null) {
        const liveness = livenessOf(view, identity, bootId);
        return liveness === "alive" || liveness === "unknown" ? "alive" : "gone";
      }
      const found = configPath === null ? null : find(configPath, pid);
      if (found === true) return "alive";
      return found === false && local() ? "unseen" : "elsewhere";
    },
  };
}
