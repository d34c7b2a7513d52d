import { AppError } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseName } from "../names.ts";
import type { LlmWork } from "./llm-document.ts";

/** `health-v1-20251118-101530`: the run's name and when it was made, UTC. */
export function newRunId(runName: string, atMs: number): string {
  const at = new Date(atMs).toISOString();
  return `${runName}-${at.slice(0, 10).replaceAll("-", "")}-${at.slice(11, 19).replaceAll(":", "")}`;
}

/** Room for the time behind it. Throws as any name. */
export function parseRunName(value: unknown): string {
  const name = parseName("run", value);
  if (name.length <= limits.nameCharacters - timeCharacters) return name;
  throw new AppError("NAME_TOO_LONG", "This run name is too long.", {
    hint: `At most ${limits.nameCharacters - timeCharacters} characters: the time is added to it.`,
    details: { field: "run_name" },
  });
}

const timeCharacters = "-20251118-101530".length;

/** What the job of a run is called, and with it its folder below the outputs. */
export function llmJobName({ run_id, kind, stage, export: wanted }: LlmWork): string {
  const part =
    kind === "train"
      ? stage === null
        ? ""
        : `-s${stage}`
      : `-s${stage ?? 1}-${kind === "evaluate" ? "evaluation" : (wanted?.format ?? "export")}`;
  return `${run_id.slice(0, limits.nameCharacters - part.length)}${part}`;
}

/** The saved config that a job of a run stands for in lists: there is none, so it is the run itself. */
export function runReference(project: string, runId: string): string {
  return `${project}/runs/${runId}`;
}

/**
 * A project as a caller names it: `x`, `projects/x` and `projects/team/x` are below the home's projects, anything absolute is looked at
 * by the box. Returns segments, or null for an absolute path. Throws INVALID_NAME, PATH_ESCAPE.
 */
export function parseProjectPath(
  value: string,
  kind: "project_path" | "output_dir",
): readonly string[] | null {
  const path = value.replace(/^\/ai-toolkit\/(?=projects(?:\/|$))/, "");
  if (path.split(/[/\\]/).includes("..") || path.includes("\\") || path.includes("\0"))
    throw escapes(kind);
  if (path.startsWith("/") || path.startsWith("~")) return null;
  const segments = path.split("/").filter((part) => part !== "" && part !== ".");
  const below = segments[0] === "projects" ? segments.slice(1) : segments;
  if (below.length > limits.projectFolders) {
    throw new AppError("INVALID_NAME", `At most ${limits.projectFolders} folders deep.`, {
      hint: `Give a shorter ${kind}.`,
      details: { field: kind },
    });
  }
  return below.map((part) => parseName("project", part));
}

function escapes(field: string): AppError {
  return new AppError("PATH_ESCAPE", `${field} leads out of the folders that this box allows.`, {
    hint: "Give a name, or a path below projects; policy.json of the box may name other folders in project_roots.",
    details: { field },
  });
}
