import type { DatasetRow } from "@trainyard/shared/tools/list-datasets.ts";
import { datasetPlaces } from "../datasets/dataset-folder.ts";
import type { DatasetPlace } from "../datasets/dataset-folder.ts";
import type { Survey } from "../datasets/scan/messages.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

const datasetsMax = 200;
const filesMax = 20_000;
/** More rows than a concise answer ever has room for. */
const conciseMax = 30;

export const listDatasets: AgentToolHandler<"list-datasets"> = async ({ detail }, context) => {
  const full = detail !== "concise";
  const names = datasetPlaces(context.home);
  const listed = names.slice(0, full ? datasetsMax : conciseMax);
  const surveys = await context.datasets.ask<"survey">({
    want: "survey",
    folders: listed.map(({ folder, virtualPath }) => ({ folder, virtualPath, maxFiles: filesMax })),
  });
  const toRow = ({ place, survey }: { place: DatasetPlace; survey: Survey }): DatasetRow => ({
    name: place.name,
    path: place.virtualPath,
    image_count: survey.images,
    caption_count: survey.captioned,
    captions_complete: survey.images > 0 && survey.captioned === survey.images,
    total_size_bytes: survey.totalBytes,
    ...(survey.tables.count === 0 ? {} : { table_count: survey.tables.count }),
    ...(full
      ? {
          missing_captions: [...survey.missingCaptions],
          total_size_mb: megabytes(survey.totalBytes),
          modified_at: new Date(survey.modifiedAtMs).toISOString(),
        }
      : {}),
  });
  const found = listed.flatMap((place, at) => {
    const survey = surveys[at];
    return survey === undefined ? [] : [{ place, survey }];
  });
  const datasets = full ? found.map(toRow) : fittingRows(found, toRow);
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
