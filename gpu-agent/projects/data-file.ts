import { extname, isAbsolute, relative, resolve, sep } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { type DatasetFormat, datasetFormats } from "@trainyard/shared/llm/project-config.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import { datasetRoots, lookForDataset } from "../datasets/dataset-folder.ts";
import type { Home } from "../home.ts";
import { openInside } from "../safe-path.ts";
import type { ProjectPlace } from "./project-place.ts";

export interface DataFile {
  readonly path: string;
  /** By its ending; null says nothing. */
  readonly format: DatasetFormat | null;
}

/**
 * A dataset of a language model, from how a caller names it: `datasets/<name>/<file>`, a path in the project, or an absolute path inside
 * a folder of datasets or the project. A plain file that is there. Throws DATASET_NOT_FOUND, PATH_ESCAPE, INVALID_FILENAME.
 */
export function resolveDataFile(home: Home, project: ProjectPlace, reference: string): DataFile {
  const { root, segments } = placeOf(home, project, reference);
  let file;
  try {
    file = openInside(root, segments);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "NOT_FOUND") throw error;
    throw missing(reference);
  }
  file.close();
  const ending = extname(file.path).slice(1).toLowerCase();
  return { path: file.path, format: datasetFormats.find((format) => format === ending) ?? null };
}

function placeOf(
  home: Home,
  project: ProjectPlace,
  reference: string,
): { readonly root: string; readonly segments: readonly string[] } {
  const path = reference.replace(/^\/ai-toolkit\/(?=datasets\/)/, "");
  if (path.split(/[/\\]/).includes("..") || path.includes("\0")) throw escapes();
  if (isAbsolute(path)) {
    for (const root of [project.folder, ...datasetRoots(home)]) {
      const below = relative(root, resolve(path));
      if (below === "" || below.startsWith("..") || isAbsolute(below)) continue;
      const inside = below.split(sep).map(parseFilename);
      return root === project.folder
        ? { root: project.root, segments: [...project.segments, ...inside] }
        : { root, segments: inside };
    }
    throw escapes();
  }
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const [first, name, ...rest] = parts;
  if (first === "datasets" && name !== undefined && rest.length > 0) {
    const dataset = lookForDataset(home, name);
    if (dataset === null) throw missing(reference);
    return { root: dataset.root, segments: [dataset.name, ...rest.map(parseFilename)] };
  }
  if (parts.length === 0) throw missing(reference);
  return { root: project.root, segments: [...project.segments, ...parts.map(parseFilename)] };
}

function missing(reference: string): AppError {
  return new AppError("DATASET_NOT_FOUND", "There is no such dataset file on this box.", {
    hint: "Upload it with create-upload-link and give datasets/<name>/<file>, or put it into the project and give its path there.",
    details: { dataset: reference.slice(0, 200) },
  });
}

function escapes(): AppError {
  return new AppError("PATH_ESCAPE", "A dataset's path is in no folder that this box allows.", {
    hint: "Give datasets/<name>/<file>, or a path in the project.",
  });
}
