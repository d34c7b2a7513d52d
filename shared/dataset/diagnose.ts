import {
  captionScore,
  captionStyleFlags,
  datasetScore,
  vocabularyRichness,
} from "../analysis/dataset-score.ts";
import type { StyleFlag } from "../analysis/dataset-score.ts";
import type { DatasetRunFacts } from "../analysis/run-facts.ts";
import { bucketPlan } from "./buckets.ts";
import type { BucketPlan } from "./buckets.ts";
import { saysTrigger, summarizeCaptions } from "./caption-words.ts";
import type { CaptionSummary } from "./caption-words.ts";
import { folderOf, isCorrupt } from "./dataset-image.ts";
import type { CaptionState, DatasetImage, DatasetTree, ImageProblem } from "./dataset-image.ts";
import { describeNumbers } from "./describe-numbers.ts";
import type { NumberSummary } from "./describe-numbers.ts";
import { readsAsCompanion, readsAsPutAside } from "./file-kinds.ts";
import { nearDuplicateGroups } from "./near-duplicates.ts";
import { copyGroups } from "./repair-plan.ts";

export interface DiagnosisOptions {
  /** Virtual path, as answers show it. */
  readonly datasetPath: string;
  readonly triggerWord: string | null;
  readonly resolutions: readonly number[];
  /** What the sides of a bucket are multiples of (`bucketSides`). */
  readonly sides: number;
}

interface FolderFacts {
  readonly path: string;
  readonly images: number;
  /** Its name says its pictures were put aside; they train all the same. */
  readonly putAside: boolean;
  /** Its name says masks or controls; as pictures they train too. */
  readonly companion: boolean;
}

export interface Diagnosis {
  readonly datasetPath: string;
  readonly images: number;
  /** Of the images, how many were to be looked at, and how many were. */
  readonly wanted: number;
  readonly scanned: number;
  readonly limited: boolean;
  readonly totalBytes: number;
  readonly captions: Readonly<Record<CaptionState, number>>;
  readonly captionSummary: CaptionSummary | null;
  readonly captionExamples: readonly string[];
  readonly missingCaptions: readonly string[];
  readonly trigger: {
    readonly word: string;
    readonly images: number;
    readonly missing: readonly string[];
  } | null;
  readonly width: NumberSummary;
  readonly height: NumberSummary;
  readonly aspect: NumberSummary;
  readonly problems: readonly { readonly path: string; readonly code: ImageProblem }[];
  readonly corrupt: readonly string[];
  readonly copies: readonly (readonly string[])[];
  readonly alike: readonly (readonly string[])[];
  readonly lowResolution: readonly string[];
  readonly extremeAspect: readonly string[];
  readonly buckets: readonly BucketPlan[];
  readonly sides: number;
  readonly folders: readonly FolderFacts[];
  readonly tree: Omit<DatasetTree, "images">;
  readonly styleFlags: readonly StyleFlag[];
  readonly score: number | null;
  readonly captionScore: number | null;
  readonly captionRichness: number | null;
  /** What scores and reports look at; what was not looked at to the end is null in it. */
  readonly facts: DatasetRunFacts;
}

const examplesShown = 10;
/** A side below this shows little at any resolution (peers 2.2). */
const lowSide = 256;
const extremeRatio = 3;

/** Everything that the files tell, counted; nothing is judged beyond the scores. `findDatasetProblems` judges. */
export function diagnose(tree: DatasetTree, options: DiagnosisOptions): Diagnosis {
  const { images } = tree;
  const looked = images.filter(({ picture }) => picture !== null);
  const complete = looked.length === images.length;
  const sizes = sizesOf(images);
  const captions = countCaptions(images);
  const texts = images
    .filter(({ caption }) => caption.state === "filled")
    .map(({ caption }) => caption.text);
  const captionSummary = summarizeCaptions(texts);
  const copies = copyGroups(images).map((group) => group.map(({ path }) => path));
  const lowResolution = sizes.filter(({ width, height }) => Math.min(width, height) < lowSide);
  const extremeAspect = sizes.filter(
    ({ width, height }) => Math.max(width, height) > extremeRatio * Math.min(width, height),
  );
  const corrupt = images.filter(isCorrupt).map(({ path }) => path);
  const whenComplete = (count: number): number | null => (complete ? count : null);
  const facts: DatasetRunFacts = {
    path: options.datasetPath,
    exists: true,
    images: tree.imagesTotal,
    scanned: images.length,
    scanLimited: images.length < tree.imagesTotal,
    captioned: captions.filled,
    emptyCaptions: captions.empty,
    totalBytes: tree.totalBytes,
    corrupt: whenComplete(corrupt.length),
    duplicates: whenComplete(copies.reduce((sum, group) => sum + group.length - 1, 0)),
    lowResolution: whenComplete(lowResolution.length),
    extremeAspect: whenComplete(extremeAspect.length),
    captions: captionSummary,
  };
  return {
    datasetPath: options.datasetPath,
    images: tree.imagesTotal,
    wanted: images.length,
    scanned: looked.length,
    limited: images.length < tree.imagesTotal,
    totalBytes: tree.totalBytes,
    captions,
    captionSummary,
    captionExamples: texts.slice(0, examplesShown).map((text) => text.slice(0, 300)),
    missingCaptions: pathsOf(images.filter(({ caption }) => caption.state === "missing")),
    trigger: triggerOf(images, options.triggerWord),
    width: describeNumbers(sizes.map(({ width }) => width)),
    height: describeNumbers(sizes.map(({ height }) => height)),
    aspect: describeNumbers(sizes.map(({ width, height }) => width / height)),
    problems: images.flatMap(({ path, picture }) =>
      picture?.problem == null ? [] : [{ path, code: picture.problem }],
    ),
    corrupt,
    copies,
    alike: alikeOf(images),
    lowResolution: pathsOf(lowResolution),
    extremeAspect: pathsOf(extremeAspect),
    buckets: options.resolutions.map((resolution) => bucketPlan(sizes, resolution, options.sides)),
    sides: options.sides,
    folders: foldersOf(images),
    tree,
    styleFlags: captionStyleFlags(captionSummary),
    score: datasetScore(facts).value,
    captionScore: captionScore(captionSummary).value,
    captionRichness: vocabularyRichness(captionSummary),
    facts,
  };
}

function sizesOf(images: readonly DatasetImage[]) {
  return images.flatMap((image) => {
    const { width = null, height = null } = image.picture ?? {};
    return width === null || height === null || isCorrupt(image)
      ? []
      : [{ path: image.path, width, height }];
  });
}

function countCaptions(images: readonly DatasetImage[]): Record<CaptionState, number> {
  const counts = { filled: 0, empty: 0, missing: 0, unreadable: 0, "not-utf8": 0 };
  for (const { caption } of images) counts[caption.state] += 1;
  return counts;
}

function triggerOf(images: readonly DatasetImage[], word: string | null): Diagnosis["trigger"] {
  if (word === null || word.trim() === "") return null;
  const filled = images.filter(({ caption }) => caption.state === "filled");
  const missing = filled.filter(({ caption }) => !saysTrigger(caption.text, word));
  return { word, images: filled.length - missing.length, missing: pathsOf(missing) };
}

/** One of each set of copies stands for all of them: what is the same file is not also said to look alike. */
function alikeOf(images: readonly DatasetImage[]): string[][] {
  const seen = new Set<string>();
  const different = images.filter(({ picture }) => {
    if (picture?.sha256 == null || seen.has(picture.sha256)) return false;
    seen.add(picture.sha256);
    return true;
  });
  return nearDuplicateGroups(different.map(({ picture }) => picture?.look ?? null)).map((group) =>
    group.flatMap((index) => different[index]?.path ?? []),
  );
}

function foldersOf(images: readonly DatasetImage[]): FolderFacts[] {
  const counts = new Map<string, number>();
  for (const { path } of images) {
    const folder = folderOf(path);
    if (folder !== "") counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].map(([path, count]) => ({
    path,
    images: count,
    putAside: readsAsPutAside(path),
    companion: readsAsCompanion(path),
  }));
}

function pathsOf(images: readonly { readonly path: string }[]): string[] {
  return images.map(({ path }) => path);
}
