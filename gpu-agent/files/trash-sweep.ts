import { limits } from "@trainyard/shared/limits.ts";
import { certainRoots } from "../datasets/dataset-folder.ts";
import type { Home } from "../home.ts";
import { errorFields } from "../log.ts";
import type { Log } from "../log.ts";
import type { Time, Timer } from "../time.ts";
import { sweepTrash } from "./trash.ts";

/** Sweeps now and then daily, until it is closed. */
export function startTrashSweep(options: {
  readonly home: Home;
  readonly time: Time;
  readonly log: Log;
}): { close(): void } {
  const { home, time, log } = options;
  let timer: Timer | null = null;
  let closed = false;
  const sweep = async (): Promise<void> => {
    for (const root of [...certainRoots(home), home.outputs]) {
      try {
        const swept = await sweepTrash(root, time.now());
        if (swept > 0) log("info", "the trash was swept", { root, swept });
      } catch (error) {
        log("warn", "the trash could not be swept", { root, ...errorFields(error) });
      }
    }
    if (!closed) timer = time.after(limits.trashSweepMs, () => void sweep());
  };
  void sweep();
  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
