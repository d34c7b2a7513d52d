import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import type { FinalArtifact } from "@trainyard/shared/jobs/conclude.ts";
import {
  judgeSafetensors,
  safetensorsHeaderLength,
} from "@trainyard/shared/jobs/safetensors-header.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Home } from "../../home.ts";
import { readPolicy } from "../../policy.ts";
import { isInside, openInside, pathInside } from "../../safe-path.ts";
import type { OpenFile } from "../../safe-path.ts";
import { findToolkit } from "../ai-toolkit/installation.ts";
import { finalNames } from "../toolkit-output.ts";
import type { OutputPlace } from "../trainer.ts";
import type { UiApi } from "./ui-api.ts";
import type { MirrorState } from "./log-mirror.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Folders of the UI's jobs that this box's owner lets us read: those of policy.json, and `output` of the toolkit that is here. */
export function allowedUiRoots(home: Home, environment: Environment): readonly string[] {
  const search = findToolkit(environment);
  const own = search.kind === "no-toolkit" ? [] : [join(rootOf(search), "output")];
  return [...readPolicy(home, environment).uiRoots, ...own];
}

function rootOf(search: Exclude<ReturnType<typeof findToolkit>, { kind: "no-toolkit" }>): string {
  return search.kind === "found" ? search.installation.root : search.root;
}

/** The folder as it really lies, where it is inside an allowed one; null otherwise. */
export function allowedFolder(folder: string, roots: readonly string[]): string | null {
  const real = realOrNull(folder);
  if (real === null || !isAbsolute(folder)) return null;
  return roots.some((root) => {
    const allowed = realOrNull(root);
    return allowed !== null && isInside(allowed, real);
  })
    ? real
    : null;
}

function realOrNull(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** The UI's log below one of its folders here; null where there is none that may be read. */
export function openUiLog(root: string, name: string): OpenFile | null {
  try {
    return openInside(root, [name, "log.txt"]);
  } catch {
    return null;
  }
}

const printBytes = 256;

/**
 * Whether the folder of that name on this box is the one that the UI writes to, and not one that only has the same path: the log
 * in it must hold, at the same place, what the UI gave of it.
 */
export function isSameLog(
  log: OpenFile,
  copy: string,
  { place, bytes, lossy }: MirrorState,
): boolean {
  if (bytes === 0 || lossy || log.stat.size < place.offset) return false;
  const count = Math.min(printBytes, bytes, place.offset);
  const file = openSync(copy, "r");
  try {
    const ours = bytesAt(file, bytes - count, count);
    return ours.equals(bytesAt(log.descriptor, place.offset - count, count));
  } finally {
    closeSync(file);
  }
}

function bytesAt(file: number, from: number, count: number): Buffer {
  const buffer = Buffer.alloc(count);
  return buffer.subarray(0, readSync(file, buffer, 0, count, from));
}

/**
 * Where Python writes: the config's own `training_folder` and name, which the UI's form sets to its setting and the job's name. A
 * relative one stands below the toolkit, of which the UI's default setting is `output`.
 */
export function outputFolderOf(
  process: Readonly<Record<string, unknown>>,
  trainingFolder: string,
): string {
  const written = process["training_folder"];
  if (typeof written !== "string" || written === "") return trainingFolder;
  if (isAbsolute(written)) return resolve(written);
  const segments = written.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  const tail = sep + segments.join(sep);
  return trainingFolder.endsWith(tail)
    ? trainingFolder
    : resolve(dirname(trainingFolder), ...segments);
}

/** The place, where its name is one that a path may have. */
export function placeBelow(root: string, folder: string): OutputPlace | null {
  try {
    pathInside(root, [folder]);
    return { root, folder };
  } catch {
    return null;
  }
}

/** Whether the UI's own folders are on this box: then what is not here is nowhere. */
export function isUiLocal(api: UiApi, folders: readonly string[]): boolean {
  return (
    api.address.loopback &&
    folders.some(
      (folder) => isAbsolute(folder) && (existsSync(folder) || isFolder(dirname(folder))),
    )
  );
}

function isFolder(path: string): boolean {
  return (
    dirname(path) !== path && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
  );
}

/**
 * The final model of a job whose files are not on this box, judged by its header and its length, which the UI's file route gives
 * by range. Nothing of it is kept, and no address of that route leaves this function.
 */
export async function judgeFinalByUi(
  api: UiApi,
  uiJobId: string,
  { fileStem, shown }: { readonly fileStem: string; readonly shown: (name: string) => string },
): Promise<FinalArtifact | null> {
  const files = await api.files(uiJobId);
  const names = new Set(
    finalNames(
      files.map(({ path }) => nameOf(path)),
      fileStem,
    ),
  );
  const final = files.find(({ path }) => names.has(nameOf(path)));
  if (final === undefined) return null;
  const artifact = {
    path: shown(nameOf(final.path)),
    bytes: final.bytes,
    valid: false,
    step: null,
  };
  const prefix = await api.range(final.path, 0, 8);
  const length = safetensorsHeaderLength(prefix.bytes, prefix.total ?? final.bytes);
  if (length === null || length > limits.uiHeaderBytes) return artifact;
  const header = await api.range(final.path, 8, 8 + length);
  const verdict = judgeSafetensors(header.bytes, prefix.total ?? final.bytes);
  return {
    ...artifact,
    bytes: prefix.total ?? final.bytes,
    valid: verdict.valid,
    step: verdict.step,
  };
}

/** Of a path of the server's own system. */
function nameOf(path: string): string {
  return basename(path.replaceAll("\\", "/"));
}
