import { isAbsolute, join, resolve, sep } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { foldName } from "@trainyard/shared/names.ts";
import { datasetsOf, processesOf } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { certainRoots } from "../datasets/dataset-folder.ts";
import type { Home } from "../home.ts";
import type { LiveUse, Supervisor } from "./supervisor.ts";

/** Throws IN_USE when a job that lives reads or writes this folder or file, or what holds it, or what it holds. */
export function refuseInUse(
  path: string,
  { home, supervisor }: { readonly home: Home; readonly supervisor: Pick<Supervisor, "liveUses"> },
): void {
  const user = supervisor
    .liveUses()
    .find((use) => pathsOf(use, home).some((used) => overlap(used, resolve(path))));
  if (user === undefined) return;
  throw new AppError("IN_USE", "A job that has not ended uses it. Nothing was changed.", {
    hint: "Wait until the job has ended, or stop it with stop-training.",
    details: { job_id: user.jobId, job_name: user.jobName },
  });
}

/** Everything in the job's document that reads as a path, its datasets by name too, and its own folder. */
function pathsOf({ document, outputName }: LiveUse, home: Home): string[] {
  const named = processesOf(document)
    .flatMap(datasetsOf)
    .flatMap((dataset) => textsIn(dataset))
    .filter((text) => !/[/\\]/.test(text))
    .flatMap((name) => certainRoots(home).map((root) => join(root, name)));
  const written = textsIn(document).flatMap((text) => pathsFor(text, home));
  return [join(home.outputs, outputName), ...named, ...written];
}

/** The forms of `shared/names.ts`, and absolute paths as they are. */
function pathsFor(text: string, home: Home): string[] {
  const below = /^(?:\/ai-toolkit\/)?(datasets|outputs?)\/(.+)$/.exec(text);
  if (below !== null) {
    const roots = below[1] === "datasets" ? certainRoots(home) : [home.outputs];
    return roots.map((root) => resolve(root, below[2] ?? ""));
  }
  return isAbsolute(text) ? [resolve(text)] : [];
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

/** Two names that fold alike are the same folder on some file systems. */
function overlap(a: string, b: string): boolean {
  const [one, other] = [foldName(a), foldName(b)];
  return one === other || one.startsWith(other + sep) || other.startsWith(one + sep);
}
