import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { TrainerRequest } from "../trainer.ts";

/** AI Toolkit as it lies on this box. */
export interface ToolkitInstallation {
  readonly root: string;
  readonly python: string;
  readonly version: string | null;
  /** Forty hex digits of the checkout, null where it is none. */
  readonly commit: string | null;
  /** What its `DiffusionTrainer` looks for in its job table: told from its source, since no version number says it. */
  readonly requests: readonly TrainerRequest[];
}

export type ToolkitSearch =
  | { readonly kind: "found"; readonly installation: ToolkitInstallation }
  | { readonly kind: "no-toolkit"; readonly looked: readonly string[]; readonly named: boolean }
  | { readonly kind: "no-python"; readonly root: string; readonly looked: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `AI_TOOLKIT_PATH` alone where it is set, else the places where its documents and images put it. Its Python is
 * `AI_TOOLKIT_PYTHON`, the environment inside its folder (its own launcher looks at .venv, then venv; uv makes .venv), an active
 * or a conda environment of its name, and last whatever Python is on the path.
 */
export function findToolkit(
  environment: Environment,
  home = homedir(),
  workingFolder = process.cwd(),
): ToolkitSearch {
  const named = environment["AI_TOOLKIT_PATH"]?.trim() ?? "";
  const places = named === "" ? commonPlaces(home, workingFolder) : [resolve(workingFolder, named)];
  const root = places.find(isToolkit);
  if (root === undefined) return { kind: "no-toolkit", looked: places, named: named !== "" };
  const pythons = pythonPlaces(root, environment, home);
  const python = pythons.find(isProgram);
  if (python === undefined) return { kind: "no-python", root, looked: pythons };
  return {
    kind: "found",
    installation: {
      root,
      python,
      version: versionOf(root),
      commit: commitOf(root),
      requests: requestsOf(root),
    },
  };
}

function commonPlaces(home: string, workingFolder: string): readonly string[] {
  const roots = [home, "/", "/app", "/opt", "/workspace", "/root", join(workingFolder, "..")];
  const names = ["ai-toolkit", "AI-Toolkit"];
  return [...new Set(roots.flatMap((root) => names.map((name) => join(root, name))))];
}

function isToolkit(root: string): boolean {
  return isFile(join(root, "run.py")) && isFile(join(root, "toolkit", "job.py"));
}

const windows = process.platform === "win32";
const inEnvironment = windows ? ["Scripts", "python.exe"] : ["bin", "python"];

function pythonPlaces(root: string, environment: Environment, home: string): readonly string[] {
  const named = environment["AI_TOOLKIT_PYTHON"]?.trim() ?? "";
  if (named !== "") return isAbsolute(named) ? [named] : onPath([named], environment);
  const active = [environment["VIRTUAL_ENV"], environment["CONDA_PREFIX"]].filter(
    (folder) => folder !== undefined && folder !== "",
  );
  const condas = ["miniconda3", "anaconda3", "miniforge3", "mambaforge"].flatMap((name) =>
    ["ai-toolkit", "aitk"].map((one) => join(home, name, "envs", one)),
  );
  const environments = [join(root, ".venv"), join(root, "venv"), ...active, ...condas];
  return [
    ...environments.map((folder) => join(folder as string, ...inEnvironment)),
    ...onPath(windows ? ["python.exe"] : ["python3", "python"], environment),
  ];
}

function onPath(names: readonly string[], environment: Environment): readonly string[] {
  const folders = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function versionOf(root: string): string | null {
  return (
    /^VERSION\s*=\s*["']([^"']{1,40})["']/m.exec(textOf(join(root, "version.py")))?.[1] ?? null
  );
}

/** Read as git keeps it, without git: HEAD, the branch it names, or the packed list of branches. */
function commitOf(root: string): string | null {
  const git = gitFolder(root);
  const head = textOf(join(git, "HEAD")).trim();
  if (isCommit(head)) return head;
  const branch = /^ref: (refs\/[\w./-]+)$/.exec(head)?.[1];
  if (branch === undefined || branch.includes("..")) return null;
  const loose = textOf(join(git, branch)).trim();
  if (isCommit(loose)) return loose;
  const packed = textOf(join(git, "packed-refs"))
    .split("\n")
    .find((line) => line.endsWith(` ${branch}`))
    ?.slice(0, 40);
  return packed !== undefined && isCommit(packed) ? packed : null;
}

/** A worktree or submodule has a file that names its folder. */
function gitFolder(root: string): string {
  const path = join(root, ".git");
  const named = /^gitdir: (.+)$/m.exec(isFile(path) ? textOf(path) : "")?.[1];
  return named === undefined ? path : resolve(root, named.trim());
}

function requestsOf(root: string): readonly TrainerRequest[] {
  const source = textOf(join(root, "extensions_built_in", "sd_trainer", "DiffusionTrainer.py"));
  const marks: readonly (readonly [TrainerRequest, string])[] = [
    ["save", "save_now"],
    ["sample", "sample_now"],
    ["stop", "def should_stop"],
  ];
  return marks.filter(([, mark]) => source.includes(mark)).map(([request]) => request);
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isFile(path);
  } catch {
    return false;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
