import type { DatasetTree, PictureFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { stemOf } from "@trainyard/shared/dataset/dataset-image.ts";
import { findDatasetProblems } from "@trainyard/shared/dataset/dataset-problems.ts";
import { diagnose } from "@trainyard/shared/dataset/diagnose.ts";
import { planRepairs } from "@trainyard/shared/dataset/repair-plan.ts";
import { analysisView } from "../analysis-view.ts";
import type {
  DiagnosisAnswer,
  DiagnosisWish,
  ScanAnswers,
  ScannedFolder,
  ScanQuestion,
  Survey,
} from "./messages.ts";
import type { PictureIndex } from "./picture-index.ts";
import type { PictureQueue } from "./picture-queue.ts";
import { readCaption } from "./read-caption.ts";
import { walkDataset } from "./walk.ts";
import type { FoundFile, FoundTree } from "./walk.ts";

export interface Scanner {
  answer(question: ScanQuestion): Promise<ScanAnswers[ScanQuestion["want"]]>;
}

export function createScanner(index: PictureIndex, queue: PictureQueue): Scanner {
  const examine = async (wish: DiagnosisWish) => {
    const found = walkDataset(wish.folder);
    const files = found.images.slice(0, wish.maxFiles);
    index.prune(wish.folder, found.images);
    const known = index.known(wish.folder, files);
    const missing = files.filter(({ path }) => !known.has(path));
    await queue.lookAt(wish.folder, missing, wish.waitMs);
    const facts = missing.length === 0 ? known : index.known(wish.folder, files);
    const tree = treeOf(wish.folder, found, files, facts);
    const diagnosis = diagnose(tree, {
      datasetPath: wish.virtualPath,
      triggerWord: wish.triggerWord,
      resolutions: wish.resolutions,
      sides: wish.sides,
    });
    const state = facts.size === files.length ? "done" : "running";
    const answer: DiagnosisAnswer = {
      scan: { state, scanned: facts.size, total: files.length },
      fingerprint: found.fingerprint,
      view: analysisView(diagnosis, findDatasetProblems(diagnosis)),
      facts: diagnosis.facts,
      survey: surveyOf(wish.folder, found, wish.maxFiles),
    };
    return { answer, tree };
  };

  return {
    async answer(question) {
      switch (question.want) {
        case "survey":
          return question.folders.map(({ folder, maxFiles }) =>
            surveyOf(folder, walkDataset(folder), maxFiles),
          );
        case "diagnosis":
          return (await examine(question)).answer;
        case "repairs": {
          const { answer, tree } = await examine(question);
          return { ...answer, plan: planRepairs(tree.images, question.options) };
        }
        case "images":
          return imagesOf(question, index);
        case "companion":
          return companionOf(question);
      }
    },
  };
}

function treeOf(
  folder: string,
  found: FoundTree,
  files: readonly FoundFile[],
  facts: ReadonlyMap<string, PictureFacts>,
): DatasetTree {
  const stems = new Set(found.images.map(({ path }) => stemOf(path)));
  return {
    images: files.map(({ path, bytes, modifiedAtMs }) => ({
      path,
      bytes,
      modifiedAtMs,
      caption: readCaption(folder, found.captions.get(stemOf(path))),
      picture: facts.get(path) ?? null,
    })),
    imagesTotal: found.images.length,
    skipped: found.skipped,
    tables: found.tables.map(({ path }) => path),
    videos: found.videos,
    sounds: found.sounds,
    notTrained: found.notTrained,
    strayCaptions: [...found.captions]
      .filter(([stem]) => !stems.has(stem))
      .map(([, { path }]) => path),
    otherCaptions: found.otherCaptions,
    totalBytes: found.totalBytes,
  };
}

const missingShown = 10;
const tablesShown = 20;

function surveyOf(folder: string, found: FoundTree, maxFiles: number): Survey {
  const missing: string[] = [];
  let captioned = 0;
  let emptyCaptions = 0;
  const files = found.images.slice(0, maxFiles);
  for (const { path } of files) {
    const { state } = readCaption(folder, found.captions.get(stemOf(path)));
    if (state === "filled") captioned += 1;
    else if (state === "empty") emptyCaptions += 1;
    else if (state === "missing" && missing.length < missingShown) missing.push(path);
  }
  return {
    images: found.images.length,
    captioned,
    emptyCaptions,
    missingCaptions: missing,
    totalBytes: found.totalBytes,
    fingerprint: found.fingerprint,
    limited: found.cut || files.length < found.images.length,
    modifiedAtMs: found.modifiedAtMs,
    tables: {
      count: found.tables.length,
      files: found.tables.slice(0, tablesShown).map(({ path, bytes }) => ({ path, bytes })),
    },
    skipped: found.skipped.length,
  };
}

function imagesOf(
  { folder, maxFiles, offset, limit }: Extract<ScanQuestion, { want: "images" }>,
  index: PictureIndex,
): ScanAnswers["images"] {
  const found = walkDataset(folder);
  const files = found.images.slice(offset, offset + limit);
  const known = index.known(folder, files);
  return {
    survey: surveyOf(folder, found, maxFiles),
    rows: files.map(({ path, bytes }) => {
      const caption = readCaption(folder, found.captions.get(stemOf(path)));
      const picture = known.get(path);
      return {
        path,
        bytes,
        captionState: caption.state,
        caption: caption.text,
        width: picture?.width ?? null,
        height: picture?.height ?? null,
        problem: picture?.problem ?? null,
      };
    }),
  };
}

/** The toolkit pairs by file name without its extension, in the one folder. */
function companionOf({
  folder,
  companion,
}: ScannedFolder & { readonly companion: string }): ScanAnswers["companion"] {
  const name = (path: string): string => stemOf(path.slice(path.lastIndexOf("/") + 1));
  const there = new Set(walkDataset(companion).images.map(({ path }) => name(path)));
  const { images } = walkDataset(folder);
  return {
    images: there.size,
    unpaired: images.filter(({ path }) => !there.has(name(path))).length,
  };
}
