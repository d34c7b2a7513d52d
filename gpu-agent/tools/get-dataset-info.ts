import { limits } from "@trainyard/shared/limits.ts";
import type { DatasetImageView } from "@trainyard/shared/tools/get-dataset-info.ts";
import { findDataset } from "../datasets/dataset-folder.ts";
import type { ImageRow, Survey } from "../datasets/scan/messages.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

const shortCaption = 120;
const conciseRows = 6;
const missingShown = { concise: 2, full: 10 };
/** Counts, the text and the missing ones' names, beside the rows. */
const restCharacters = 1_050;

export const getDatasetInfo: AgentToolHandler<"get-dataset-info"> = async (input, context) => {
  const place = findDataset(context.home, input.dataset_path);
  const { rows, survey } = await context.datasets.ask<"images">({
    want: "images",
    folder: place.folder,
    virtualPath: place.virtualPath,
    maxFiles: limits.datasetEntries,
    offset: input.offset,
    limit: input.limit,
  });
  const full = input.detail !== "concise";
  const images = full
    ? rows.map((row) => imageView(row, limits.captionCharacters))
    : fittingRows(
        rows.slice(0, conciseRows),
        (row) => imageView(row, shortCaption),
        restCharacters,
      );
  const behind = input.offset + images.length;
  const missing = survey.missingCaptions.slice(0, full ? missingShown.full : missingShown.concise);
  return {
    data: {
      name: place.name,
      path: place.virtualPath,
      image_count: survey.images,
      caption_count: survey.captioned,
      empty_caption_count: survey.emptyCaptions,
      captions_complete: survey.images > 0 && survey.captioned === survey.images,
      missing_captions: [...missing],
      total_size_mb: megabytes(survey.totalBytes),
      modified_at: new Date(survey.modifiedAtMs).toISOString(),
      ...tablesView(survey, full),
      images,
      next_offset: behind < survey.images ? behind : null,
      ...observedNow(context),
    },
    text: isOfTables(survey)
      ? `${survey.tables.count} table${survey.tables.count === 1 ? "" : "s"} for language models and no images. Next: configure-training-run with datasets/<name>/<file>.`
      : `${survey.images} images, ${survey.captioned} with a caption${behind < survey.images ? `; ${images.length} are here, offset ${behind} gives the next` : ""}. analyze-dataset says what is wrong with it, edit-captions changes captions.`,
  };
};

/** What it is for: language models. */
function isOfTables({ images, tables }: Survey): boolean {
  return images === 0 && tables.count > 0;
}

/** Beside images a short answer has no room for their names. */
function tablesView(survey: Survey, full: boolean) {
  const { count, files } = survey.tables;
  if (count === 0) return {};
  const view = ({ path, bytes }: Survey["tables"]["files"][number]) => ({
    file: path,
    size: bytes,
  });
  if (full) return { table_count: count, tables: files.map(view) };
  const shown = isOfTables(survey) ? files.slice(0, conciseRows) : [];
  return { table_count: count, tables: fittingRows(shown, view, restCharacters) };
}

function imageView(row: ImageRow, characters: number): DatasetImageView {
  return {
    file: row.path,
    caption: row.captionState === "filled" ? row.caption.slice(0, characters) : null,
    size: row.bytes,
    ...(row.width === null ? {} : { width: row.width, height: row.height }),
    ...(row.problem === null ? {} : { problem: row.problem }),
  };
}
