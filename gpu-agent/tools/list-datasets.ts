import { readdirSync } from "node:fs";
import { parseName } from "@trainyard/shared/names.ts";
import type { DatasetRow } from "@trainyard/shared/tools/list-datasets.ts";
import { scanDataset } from "../datasets/dataset-facts.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

const datasetsMax = 200;
const filesMax = 20_000;
const missingShown = 10;

export const listDatasets: AgentToolHandler<"list-datasets"> = async ({ detail }, context) => {
  const { home } = context;
  const names = readdirSync(home.datasets, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .filter(isDatasetName)
    .toSorted();
  const full = detail !== "concise";
  const toRow = (name: string): DatasetRow => {
    const scan = scanDataset(home, name, filesMax);
    const captions = scan.captioned;
    return {
      name,
      path: `datasets/${name}`,
      image_count: scan.images,
      caption_count: captions,
      captions_complete: scan.images > 0 && captions === scan.images,
      total_size_bytes: scan.totalBytes,
      ...(full
        ? {
            missing_captions: scan.missingCaptions.slice(0, missingShown),
            total_size_mb: megabytes(scan.totalBytes),
            modified_at:
              scan.modifiedAtMs === null ? null : new Date(scan.modifiedAtMs).toISOString(),
          }
        : {}),
    };
  };
  const listed = names.slice(0, datasetsMax);
  const datasets = full ? listed.map(toRow) : fittingRows(listed, toRow);
  const truncated = datasets.length < names.length;
  return {
    data: {
      datasets,
      count: names.length,
      truncated,
      ...observedNow(context),
    },
    text:
      names.length === 0
        ? "There is no dataset on this box yet. Call create-upload-link to upload one."
        : `${names.length} dataset${names.length === 1 ? "" : "s"}${truncated ? `; the first ${datasets.length} are here${full ? "" : ", detail full lists more"}` : ""}. Use a name as dataset_path in create-training-config.`,
  };
};

/** A folder that could not be named in a call is not offered. */
function isDatasetName(name: string): boolean {
  try {
    parseName("dataset", name);
    return true;
  } catch {
    return false;
  }
}
