import { lstatSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseProjectPath } from "@trainyard/shared/llm/run-names.ts";
import { parseName } from "@trainyard/shared/names.ts";
import type { Home } from "../home.ts";
import { readPolicy } from "../policy.ts";
import { plainPathInside } from "../safe-path.ts";

/** Where a language-model project lies. */
export interface ProjectPlace {
  readonly root: string;
  /** Below the root. */
  readonly segments: readonly string[];
  readonly folder: string;
  /** `projects/x` in the home; a whole path in a folder that the policy names. */
  readonly shown: string;
}

/** What makes a folder a project. */
export const configFile = join("config", "fine_tuning_config.yaml");

/** The home's own folder, then those that the box's policy names and that are there. */
function projectRoots(home: Home): readonly string[] {
  const named = readPolicy(home).projectRoots.filter(
    (root) => statSync(root, { throwIfNoEntry: false })?.isDirectory() === true,
  );
  return [...new Set([home.projects, ...named])];
}

/** Where a new project goes. Throws PATH_ESCAPE, INVALID_NAME. */
export function newProjectPlace(
  home: Home,
  outputDir: string | undefined,
  projectName: string,
): ProjectPlace {
  const name = parseName("project", projectName);
  const below = parseProjectPath(outputDir ?? "", "output_dir");
  if (below !== null) return placeOf(home, home.projects, [...below, name]);
  const { root, segments } = belowSomeRoot(home, outputDir ?? "", "output_dir");
  return placeOf(home, root, [...segments, name]);
}

/** Throws PROJECT_NOT_FOUND, PATH_ESCAPE, INVALID_NAME. */
export function findProject(home: Home, reference: string): ProjectPlace {
  const below = parseProjectPath(reference, "project_path");
  const places =
    below === null
      ? [belowSomeRoot(home, reference, "project_path")]
      : projectRoots(home).map((root) => ({ root, segments: below }));
  for (const { root, segments } of places) {
    if (segments.length === 0) continue;
    const place = placeOf(home, root, segments);
    const config = lstatSync(join(place.folder, configFile), { throwIfNoEntry: false });
    if (config?.isFile() === true) return place;
  }
  throw new AppError("PROJECT_NOT_FOUND", "There is no such project on this box.", {
    hint: "Make it with generate-fine-tuning-project, and give its project_path.",
    details: { project_path: reference.slice(0, 200) },
  });
}

function placeOf(home: Home, root: string, segments: readonly string[]): ProjectPlace {
  const folder = plainPathInside(root, segments);
  const shown = root === home.projects ? ["projects", ...segments].join("/") : folder;
  return { root, segments, folder, shown };
}

function belowSomeRoot(
  home: Home,
  given: string,
  field: string,
): { readonly root: string; readonly segments: readonly string[] } {
  const path = resolve(given.replace(/^~(?=$|\/)/, homedir()));
  for (const root of projectRoots(home)) {
    const below = relative(root, path);
    if (below.startsWith("..") || isAbsolute(below)) continue;
    const segments = below === "" ? [] : below.split(sep);
    return { root, segments: segments.map((part) => parseName("project", part)) };
  }
  throw new AppError("PATH_ESCAPE", `${field} is in no folder that this box allows for projects.`, {
    hint: "Give a name or a path below projects; the box's owner may name other folders as project_roots in policy.json.",
    details: { field },
  });
}
