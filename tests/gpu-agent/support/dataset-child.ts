import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { createDatasetScans } from "../../../gpu-agent/datasets/dataset-scans.ts";
import type { DatasetScans } from "../../../gpu-agent/datasets/dataset-scans.ts";
import type { Home } from "../../../gpu-agent/home.ts";
import { systemTime } from "../../../gpu-agent/time.ts";

export const datasetEntry = fileURLToPath(
  new URL("../../../gpu-agent/datasets/scan/child.ts", import.meta.url),
);

/** The real child, from source; it starts with the first question. */
export function startDatasetScans(home: Home): DatasetScans {
  const scans = createDatasetScans({
    entry: datasetEntry,
    index: home.pictureIndex,
    time: systemTime,
    log: () => undefined,
    gentle: () => false,
  });
  onTestFinished(() => scans.close());
  return scans;
}
