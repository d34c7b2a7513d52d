import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { foldName, parseFilename } from "@trainyard/shared/names.ts";
import type { Home } from "../home.ts";
import type { Policy } from "../policy.ts";
import { isInside, plainPathInside } from "../safe-path.ts";

export interface ExportPlace {
  readonly path: string;
  readonly filename: string;
  /** As the answer names it. */
  readonly shown: string;
  readonly place: "comfyui" | "outputs";
  readonly belowOutputs: readonly string[] | null;
}

/** Names by which ComfyUI and its managers know the folder. */
const loraFolders = new Set(["loras", "lora"]);

/**
 * Where an export goes: without `outputPath` into ComfyUI's loras folder, null where the box has none. Else `x`, `outputs/x` and
 * `/ai-toolkit/outputs/x` are below the outputs; any other absolute path must be inside a ComfyUI root of the policy. A path that ends
 * with `/`, or is a folder, keeps the model's file name. Throws PATH_ESCAPE, INVALID_FILENAME, UNSAFE_MODEL_FORMAT.
 */
export function chooseExportPlace(
  outputPath: string | null,
  filename: string,
  home: Home,
  policy: Policy,
): ExportPlace | null {
  if (outputPath === null) {
    const folder = loraFolder(policy.comfyuiRoots);
    return folder === null ? null : inComfyui(join(folder, filename), policy.comfyuiRoots);
  }
  if (outputPath.includes("\0") || outputPath.split(/[/\\]/).includes("..")) throw escapes();
  const virtual = /^(?:\/ai-toolkit\/)?outputs?\/(.*)$/.exec(outputPath)?.[1];
  if (virtual === undefined && isAbsolute(outputPath)) {
    return inComfyui(withFile(outputPath, resolve(outputPath), filename), policy.comfyuiRoots);
  }
  return belowOutputs(virtual ?? outputPath, filename, home);
}

function belowOutputs(given: string, filename: string, home: Home): ExportPlace {
  const names = given.split("/").filter((name) => name !== "" && name !== ".");
  const folders = names.map((name) => parseFilename(name));
  const path = plainPathInside(home.outputs, folders);
  const segments =
    folders.length === 0 || given.endsWith("/") || isFolder(path)
      ? [...folders, filename]
      : [...folders.slice(0, -1), withEnding(folders.at(-1) ?? filename)];
  if (segments.length > 8) {
    throw new AppError("INVALID_NAME", "At most 7 folders deep.", {
      hint: "Give a shorter output_path.",
    });
  }
  return {
    path: plainPathInside(home.outputs, segments),
    filename: segments.at(-1) ?? filename,
    shown: ["outputs", ...segments].join("/"),
    place: "outputs",
    belowOutputs: segments,
  };
}

/** A link on the way must end inside a root too: people keep `loras` on another disk, and name that disk's folder as well. */
function inComfyui(path: string, roots: readonly string[]): ExportPlace {
  const name = parseFilename(basename(path));
  let folder = dirname(path);
  const missing: string[] = [];
  while (!existsSync(folder) && dirname(folder) !== folder) {
    missing.unshift(parseFilename(basename(folder)));
    folder = dirname(folder);
  }
  const real = realpathSync(folder);
  const isAllowed = roots.some((root) => existsSync(root) && isInside(realpathSync(root), real));
  if (!isAllowed) throw escapes();
  const target = join(real, ...missing, name);
  return { path: target, filename: name, shown: target, place: "comfyui", belowOutputs: null };
}

function withFile(given: string, path: string, filename: string): string {
  if (/[/\\]$/.test(given) || isFolder(path)) return join(path, filename);
  return join(dirname(path), withEnding(basename(path)));
}

function withEnding(name: string): string {
  const ending = extname(name).toLowerCase();
  if (ending === ".safetensors") return name;
  if ([".ckpt", ".pt", ".pth", ".bin", ".gguf"].includes(ending)) {
    throw new AppError("UNSAFE_MODEL_FORMAT", "A model is exported as safetensors only.", {
      hint: "End output_path with .safetensors, or with / for a folder.",
      details: { field: "output_path" },
    });
  }
  return `${name}.safetensors`;
}

/** The first root that has one; else the first root that is there gets one. */
function loraFolder(roots: readonly string[]): string | null {
  const present = roots.filter((root) => isFolder(root));
  for (const root of present) {
    const name = readdirSync(root).find(
      (entry) => loraFolders.has(foldName(entry)) && isFolder(join(root, entry)),
    );
    if (name !== undefined) return join(root, name);
  }
  const [first] = present;
  return first === undefined ? null : join(first, "loras");
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function escapes(): AppError {
  return new AppError("PATH_ESCAPE", "output_path is not in a folder this box allows.", {
    hint: "Give a path below outputs, or inside a ComfyUI folder: list-comfyui-models shows them in roots.",
    details: { field: "output_path" },
  });
}
