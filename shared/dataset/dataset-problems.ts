import type { Severity } from "../analysis/findings.ts";
import type { Diagnosis } from "./diagnose.ts";

/** One thing that is wrong with a dataset, in our words; names of files stand in `examples` only. */
export interface DatasetProblem {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly count: number;
  readonly examples: readonly string[];
  readonly fix: string;
}

const examplesShown = 5;
const repair = "auto-improve-dataset moves them out, with a way back.";

/** The worst first; of equals in the order of this file. */
export function findDatasetProblems(diagnosis: Diagnosis): readonly DatasetProblem[] {
  const found = [
    ...trainerStops(diagnosis),
    ...pictureProblems(diagnosis),
    ...folderProblems(diagnosis),
    ...captionProblems(diagnosis),
    ...smallThings(diagnosis),
  ];
  const rank: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };
  return found.toSorted((a, b) => rank[a.severity] - rank[b.severity]);
}

/** Nothing for a count of none. */
function problem(
  code: string,
  severity: Severity,
  paths: readonly string[] | number,
  message: string,
  fix: string,
): DatasetProblem[] {
  const count = typeof paths === "number" ? paths : paths.length;
  if (count === 0) return [];
  const examples = typeof paths === "number" ? [] : paths.slice(0, examplesShown);
  return [{ code, severity, message, count, examples, fix }];
}

function trainerStops({ images, tree, problems }: Diagnosis): DatasetProblem[] {
  const skipped = (code: string): string[] =>
    tree.skipped.filter((file) => file.code === code).map(({ path }) => path);
  const broken = (code: string): string[] =>
    problems.filter((one) => one.code === code).map(({ path }) => path);
  return [
    ...(images === 0 && tree.tables.length === 0
      ? problem(
          "DATASET_EMPTY",
          "critical",
          1,
          "There is no image that the trainer takes.",
          "Upload .jpg, .jpeg, .png or .webp files with create-upload-link.",
        )
      : []),
    ...problem(
      "NOT_REGULAR_FILE",
      "critical",
      skipped("NOT_REGULAR_FILE"),
      "Pipes, devices or sockets lie among the images; a trainer that opens one waits for ever.",
      "Remove them on the box.",
    ),
    ...problem(
      "IMAGE_CORRUPT",
      "critical",
      broken("IMAGE_CORRUPT"),
      "Images are truncated or damaged; caching them ends the training.",
      repair,
    ),
    ...problem(
      "MIME_MISMATCH",
      "critical",
      broken("MIME_MISMATCH"),
      "Files are not the pictures that their names promise.",
      repair,
    ),
    ...problem(
      "IMAGE_CHUNK_LIMIT",
      "critical",
      broken("IMAGE_CHUNK_LIMIT"),
      "Images carry metadata that unpacks beyond 1 MiB; the trainer's decoder refuses them.",
      repair,
    ),
    ...problem(
      "DECODER_FAILED",
      "critical",
      broken("DECODER_FAILED"),
      "Decoding these crashed or did not end in time.",
      "Look at them on the box, or export them again.",
    ),
    ...problem(
      "FILE_UNREADABLE",
      "critical",
      broken("FILE_UNREADABLE"),
      "Images cannot be opened.",
      "Give the agent's user the right to read them.",
    ),
    ...problem(
      "IMAGE_TOO_LARGE",
      "warning",
      broken("IMAGE_TOO_LARGE"),
      "Images have more than 64 megapixels, 16,384 pixels a side or 256 MiB and were not decoded.",
      "Scale them down: no trainer sees that many pixels.",
    ),
    ...problem(
      "PATH_ESCAPE",
      "warning",
      skipped("PATH_ESCAPE"),
      "Links lie among the images; they are not followed here, and the trainer follows those to files.",
      "Copy the files into the folder.",
    ),
    ...problem(
      "HARDLINK_REFUSED",
      "warning",
      skipped("HARDLINK_REFUSED"),
      "Files have a second name elsewhere on the disk and were not opened.",
      "Copy them, so that each has one name.",
    ),
  ];
}

function pictureProblems({
  copies,
  alike,
  lowResolution,
  extremeAspect,
  scanned,
  buckets,
}: Diagnosis): DatasetProblem[] {
  const extra = copies.flatMap((group) => group.slice(1));
  const single = buckets.filter((plan) => plan.images > 1 && plan.buckets.length > plan.images / 2);
  return [
    ...problem(
      "DUPLICATE_IMAGES",
      "warning",
      extra,
      "Files are there more than once and weigh double.",
      "auto-improve-dataset with quarantine_duplicates moves the copies out.",
    ),
    ...problem(
      "NEAR_DUPLICATE_IMAGES",
      "warning",
      alike.flatMap((group) => group.slice(1)),
      "Pictures look alike though their files differ.",
      "Keep the best of each group in near_duplicate_groups.",
    ),
    ...problem(
      "LOW_RESOLUTION",
      5 * lowResolution.length > scanned ? "warning" : "info",
      lowResolution,
      "Images have a side below 256 pixels; nothing is scaled up.",
      "Replace them with larger ones, or leave them out.",
    ),
    ...problem(
      "EXTREME_ASPECT_RATIO",
      "info",
      extremeAspect,
      "Images are more than three times as long as wide.",
      "Crop them.",
    ),
    ...problem(
      "MANY_BUCKETS",
      "info",
      single.length,
      "Most images are alone in their bucket: batches above 1 would repeat them.",
      "Crop the images to a few common shapes, or train with batch size 1.",
    ),
  ];
}

function folderProblems({ folders, tree }: Diagnosis): DatasetProblem[] {
  const putAside = folders.filter((folder) => folder.putAside);
  const companions = folders.filter((folder) => folder.companion && !folder.putAside);
  const others = folders.filter((folder) => !folder.companion && !folder.putAside);
  const notTrained = Object.values(tree.notTrained).reduce((sum, count) => sum + count, 0);
  const paths = (list: typeof folders): string[] => list.map(({ path }) => path);
  return [
    ...problem(
      "QUARANTINE_TRAINS",
      "critical",
      paths(putAside),
      "Folders that read as put aside train all the same: AI Toolkit skips only folders that begin with a dot.",
      "Move them out of the dataset; auto-improve-dataset does it for _duplicates and _quarantine.",
    ),
    ...problem(
      "COMPANIONS_TRAIN",
      "warning",
      paths(companions),
      "Folders of masks or controls inside the dataset are trained as pictures.",
      "Move them beside the dataset and name them in mask_path or control_path.",
    ),
    ...problem(
      "SUBFOLDERS_TRAIN",
      "info",
      paths(others),
      "Images in sub-folders train too.",
      "Nothing to do if that is meant.",
    ),
    ...problem(
      "FILES_NOT_TRAINED",
      "warning",
      notTrained,
      "Pictures in formats that AI Toolkit does not take are left out.",
      "Convert them to .jpg or .png.",
    ),
  ];
}

function captionProblems({
  captions,
  wanted,
  trigger,
  styleFlags,
  captionSummary,
  missingCaptions,
}: Diagnosis): DatasetProblem[] {
  const few = captions.missing + captions.empty > wanted / 10;
  const same =
    captionSummary !== null &&
    captionSummary.captions >= 5 &&
    (captionSummary.uniqueRatio ?? 1) < 0.2;
  return [
    ...problem(
      "CAPTIONS_NOT_UTF8",
      "critical",
      captions["not-utf8"],
      "Captions are not UTF-8; reading them ends the training.",
      "Save them as UTF-8, or set them with edit-captions.",
    ),
    ...problem(
      "CAPTIONS_UNREADABLE",
      "warning",
      captions.unreadable,
      "Captions are links, pipes, too long, or cannot be opened.",
      "Look at them on the box.",
    ),
    ...problem(
      "CAPTIONS_MISSING",
      few ? "warning" : "info",
      missingCaptions,
      "Images have no caption.",
      "Write them with edit-captions; auto-improve-dataset makes poor ones from file names.",
    ),
    ...problem(
      "CAPTIONS_EMPTY",
      few ? "warning" : "info",
      captions.empty,
      "Captions are empty.",
      "Write them with edit-captions.",
    ),
    ...problem(
      "TRIGGER_MISSING",
      "info",
      trigger?.missing ?? 0,
      "Captions do not hold the trigger word; AI Toolkit puts it in front of them.",
      "edit-captions with operation prefix makes it visible.",
    ),
    ...problem(
      "CAPTIONS_ALL_ALIKE",
      "warning",
      same ? 1 : 0,
      "Most captions are the same text.",
      "Say what differs from picture to picture.",
    ),
    ...problem(
      "CAPTIONS_LOW_DIVERSITY",
      "warning",
      styleFlags.includes("caption_vocabulary_low_diversity") ? 1 : 0,
      "The captions repeat few words.",
      "Say what differs from picture to picture.",
    ),
    ...problem(
      "CAPTIONS_TOO_SHORT",
      "warning",
      styleFlags.includes("captions_too_short") ? 1 : 0,
      "The captions are very short.",
      "Describe what should stay changeable: place, light, pose, clothes.",
    ),
  ];
}

function smallThings({ images, tree }: Diagnosis): DatasetProblem[] {
  const others = Object.values(tree.otherCaptions).reduce((sum, count) => sum + count, 0);
  return [
    ...problem(
      "TABLES_ONLY",
      "info",
      images === 0 ? tree.tables : [],
      "The dataset holds tables for language models, and no pictures.",
      "configure-training-run takes them as datasets/<name>/<file>.",
    ),
    ...problem(
      "STRAY_CAPTIONS",
      "info",
      tree.strayCaptions,
      "Text files belong to no image.",
      "Give each the name of its image; case matters on Linux.",
    ),
    ...problem(
      "OTHER_CAPTION_FILES",
      "info",
      others,
      "Captions under other extensions than .txt are read only when the config's caption_ext names them.",
      "Set caption_ext, or rename them.",
    ),
    ...problem(
      "VIDEOS_AND_SOUNDS",
      "info",
      tree.videos + tree.sounds,
      "Videos and sounds train only with models for them.",
      "Nothing to do if that is meant.",
    ),
  ];
}
