import type { Home } from "../../home.ts";
import { errorFields } from "../../log.ts";
import type { Log } from "../../log.ts";
import { certainRoots, datasetPlaces } from "../dataset-folder.ts";
import { recoverChanges } from "./roll-back.ts";

/** What the last end of the agent cut, before anybody asks for a dataset. */
export function recoverDatasets(home: Home, log: Log): void {
  for (const { folder, virtualPath } of datasetPlaces(home, certainRoots(home))) {
    try {
      const recovered = recoverChanges(folder);
      if (recovered > 0)
        log("info", "changes that were cut were taken back", { virtualPath, recovered });
    } catch (error) {
      log("error", "a change that was cut could not be taken back", {
        virtualPath,
        ...errorFields(error),
      });
    }
  }
}
