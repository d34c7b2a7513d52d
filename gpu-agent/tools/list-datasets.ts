import type { DatasetRow } from "@trainyard/shared/tools/list-datasets.ts";
import { scanDataset } from "../datasets/dataset-facts.ts";
import { datasetPlaces } from "../datasets/dataset-folder.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

const datasetsMax = 200;
const filesMax = 20_000;
const missingShown = 10;

export const listDatasets: AgentToolHandler<"list-datasets"> = async ({ detail }, context) => {
  const { home } = context;
  const names = datasetPlaces(home).map(({ name }) => name);
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
