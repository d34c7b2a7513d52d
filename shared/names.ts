/** The one place where text from outside becomes a name, a file name or a virtual path. Nothing else parses one. */
import { AppError } from "./errors.ts";
import { limits } from "./limits.ts";

export type NameKind =
  | "job"
  | "dataset"
  | "config"
  | "output"
  | "model"
  | "agent"
  | "route"
  | "project"
  | "run";

/** Case and composition folded: two names that fold alike are the same folder on some file system. */
export function foldName(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase();
}

/** A name is an id, not a path: letters, digits, dot, dash and underscore. */
export function parseName(kind: NameKind, value: unknown): string {
  if (typeof value !== "string" || value === "") {
    throw new AppError("INVALID_NAME", `A ${kind} name is missing or not text.`, {
      hint: nameHint,
    });
  }
  if (value.length > limits.nameCharacters) {
    throw new AppError(
      "NAME_TOO_LONG",
      `This ${kind} name has ${value.length} characters; at most ${limits.nameCharacters} are allowed.`,
      { hint: "Choose a shorter name.", details: { maxCharacters: limits.nameCharacters } },
    );
  }
  if (isDeviceName(value)) {
    throw new AppError("RESERVED_NAME", `"${quote(value)}" is a device name on Windows.`, {
      hint: "Choose another name, for example with a prefix.",
    });
  }
  if (!namePattern.test(value) || value.endsWith(".")) {
    throw new AppError("INVALID_NAME", `"${quote(value)}" is not a ${kind} name.`, {
      hint: nameHint,
    });
  }
  return value;
}

/** `x`, `datasets/x` and `/ai-toolkit/datasets/x` are the same dataset. */
export function parseDatasetRef(value: unknown): string {
  return parseRef("dataset", ["datasets"], value);
}

/**
 * A dataset that may have been on the box before us: besides the names of `parseDatasetRef` any that a file may have, such as
 * `My Photos`. Throws what `parseDatasetRef` throws. Whether there is such a folder, the box says.
 */
export function parseDatasetFolder(value: unknown): string {
  try {
    return parseDatasetRef(value);
  } catch (refusal) {
    const name = typeof value === "string" ? withoutDatasetRoot(value) : "";
    try {
      return parseFilename(name);
    } catch {
      throw refusal;
    }
  }
}

/** The last segment behind a known root; "" for any other path. */
function withoutDatasetRoot(value: string): string {
  const below = value.replace(/^(?:\/ai-toolkit\/)?datasets\//, "").replace(/\/$/, "");
  // An encoded separator is a trick, whatever may be on a disk.
  return /[/\\]|%(?:2e|2f|5c)/i.test(below) ? "" : below;
}

export function parseOutputRef(value: unknown): string {
  return parseRef("output", ["outputs", "output"], value);
}

export function parseConfigRef(value: unknown): string {
  return parseRef("config", ["configs", "config"], value);
}

/**
 * Where an exported report goes on the box, as segments below `outputs/reports`: `x/y`, `reports/x/y` and
 * `/ai-toolkit/outputs/reports/x/y` are the same folder. Throws INVALID_NAME, PATH_ESCAPE for any other absolute path.
 */
export function parseReportFolder(value: string): readonly string[] {
  const below = value.replace(/^\/ai-toolkit\/(?=outputs?(?:\/|$))/, "").replace(/\/+$/, "");
  if (below.startsWith("/") || below === "" || below.includes("\\")) {
    throw new AppError("PATH_ESCAPE", "Reports are written below outputs/reports only.", {
      hint: "Give a folder below it, such as weekly, or leave output_dir out.",
      details: { field: "output_dir" },
    });
  }
  const segments = below.replace(/^(?:outputs?\/)?reports(?:\/|$)/, "").split("/");
  if (segments.length > limits.reportFolders) {
    throw new AppError("INVALID_NAME", `At most ${limits.reportFolders} folders deep.`, {
      hint: "Give a shorter output_dir.",
      details: { field: "output_dir" },
    });
  }
  return segments
    .filter((segment) => segment !== "")
    .map((segment) => parseName("output", segment));
}

/**
 * A picture of a dataset: `<dataset>/<file>`, with or without `datasets/` or `/ai-toolkit/datasets/` before it. Returns the two
 * checked segments. Throws INVALID_NAME, INVALID_FILENAME, PATH_ESCAPE.
 */
export function parseDatasetFile(value: unknown): readonly [string, string] {
  if (typeof value !== "string" || value === "") {
    throw new AppError("INVALID_NAME", "A picture is missing or not text.", { hint: pictureHint });
  }
  const form: PathForm = { roots: ["datasets"], code: "INVALID_NAME", hint: pictureHint };
  const inside = stripRoot(splitPath(value, form), value.startsWith("/"), form);
  const [dataset, file, ...more] = inside;
  if (dataset === undefined || file === undefined || more.length > 0) {
    throw new AppError("INVALID_NAME", `"${quote(value)}" does not name a picture.`, {
      hint: pictureHint,
    });
  }
  return [parseName("dataset", dataset), parseFilename(file)];
}

/** The name of a file inside a dataset, as a person gave it: Unicode letters are welcome, tricks are not. */
export function parseFilename(value: unknown): string {
  if (typeof value !== "string" || value === "") {
    throw new AppError("INVALID_FILENAME", "A file name is missing or not text.", {
      hint: fileHint,
    });
  }
  const bytes = new TextEncoder().encode(value).byteLength;
  if (bytes > limits.filenameBytes) {
    throw new AppError(
      "INVALID_FILENAME",
      `This file name has ${bytes} bytes; at most ${limits.filenameBytes} are allowed.`,
      { hint: "Rename the file.", details: { maxBytes: limits.filenameBytes } },
    );
  }
  if (reservedFiles.has(foldName(value)) || isDeviceName(value)) {
    throw new AppError("RESERVED_FILENAME", `"${quote(value)}" is reserved.`, {
      hint: "Rename the file.",
    });
  }
  if (value.startsWith(".") || /[. ]$/.test(value) || refusedInFile.test(value)) {
    throw new AppError("INVALID_FILENAME", `"${quote(value)}" is not a file name.`, {
      hint: fileHint,
    });
  }
  return value;
}

/**
 * A model file below the outputs: `<job>/<file>`, with or without `outputs/` or `/ai-toolkit/outputs/` before it.
 * Returns the checked segments; folders that were on the box before us may be called anything a file may.
 */
export function parseModelPath(value: unknown): readonly string[] {
  if (typeof value !== "string" || value === "") {
    throw new AppError("INVALID_MODEL_REF", "A model path is missing or not text.", {
      hint: modelHint,
    });
  }
  const form: PathForm = {
    roots: ["outputs", "output"],
    code: "INVALID_MODEL_REF",
    hint: modelHint,
  };
  const inside = stripRoot(splitPath(value, form), value.startsWith("/"), form);
  if (inside.length === 0 || inside.length > 8) {
    throw new AppError("INVALID_MODEL_REF", `"${quote(value)}" does not name a model file.`, {
      hint: modelHint,
    });
  }
  return inside.map((segment) => parseFilename(segment));
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const nameHint = `Use 1 to ${limits.nameCharacters} letters, digits, dots, dashes or underscores, starting with a letter or digit and not ending with a dot.`;
const fileHint =
  'Use a plain file name: no folders, no control or invisible characters, none of <>:"|?*, no dot at the start and no dot or space at the end.';
const pictureHint = "Give it as <dataset>/<file>.";
const modelHint = "Give it as <job>/<file>, as list-exported-models shows it.";

/** What the trainers and the agent keep in these folders themselves. */
const reservedFiles = new Set([".aitk_size.json", ".job_config.json"]);

/**
 * Control (Cc), format (Cf: bidi overrides, zero-width, soft hyphen), surrogate halves, line separators, path
 * separators, and what Windows refuses (a colon would open an alternate stream there).
 */
const refusedInFile = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\<>:"|?*]/u;

const deviceName = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;

/** Windows takes everything before the first dot, without trailing spaces: `nul.txt` is the device. */
function isDeviceName(value: string): boolean {
  return deviceName.test((value.split(".", 1)[0] ?? "").trimEnd());
}

function parseRef(kind: NameKind, roots: readonly string[], value: unknown): string {
  if (typeof value !== "string" || value === "") return parseName(kind, value);
  if (!/[/\\]/.test(value)) return parseName(kind, value);
  if (value.split(/[/\\]/).includes("..")) {
    throw new AppError("INVALID_NAME", `"${quote(value)}" is not a ${kind}.`, { hint: nameHint });
  }
  const hint = `Give the name alone, or /ai-toolkit/${roots[0]}/<name>.`;
  const form: PathForm = { roots, code: "INVALID_NAME", hint, rootRequired: true };
  const inside = stripRoot(splitPath(value, form), value.startsWith("/"), form);
  const [name] = inside;
  if (inside.length !== 1 || name === undefined) {
    throw new AppError("INVALID_NAME", `"${quote(value)}" is not a ${kind}.`, { hint });
  }
  return parseName(kind, name);
}

/** How a path of some kind may begin, and what its refusal is called. */
interface PathForm {
  readonly roots: readonly string[];
  readonly code: "INVALID_NAME" | "INVALID_MODEL_REF";
  readonly hint: string;
  readonly rootRequired?: boolean;
}

function splitPath(value: string, { code, hint }: PathForm): string[] {
  if (value.split(/[/\\]/).includes("..")) throw escape(value, hint);
  if (value.length > 1024 || value.includes("\\") || /^[a-z][a-z0-9+.-]*:/i.test(value)) {
    throw new AppError(code, `"${quote(value)}" is not a path below a known root.`, { hint });
  }
  const segments = value.replace(/^\//, "").replace(/\/$/, "").split("/");
  if (segments.includes("") || segments.includes(".")) {
    throw new AppError(code, `"${quote(value)}" has an empty segment.`, { hint });
  }
  return segments;
}

/** The seeds' absolute forms are virtual roots; every other absolute path is refused. */
function stripRoot(
  segments: readonly string[],
  absolute: boolean,
  { roots, code, hint, rootRequired = false }: PathForm,
): readonly string[] {
  const [first, second] = segments;
  const shown = quote(segments.join("/"));
  if (absolute) {
    if (first === "ai-toolkit" && second !== undefined && roots.includes(second)) {
      return segments.slice(2);
    }
    throw new AppError(code, `"${shown}" is outside the known roots.`, { hint });
  }
  if (segments.length > 1 && first !== undefined && roots.includes(first)) return segments.slice(1);
  if (rootRequired) throw new AppError(code, `"${shown}" holds a separator.`, { hint });
  return segments;
}

function escape(value: string, hint: string): AppError {
  return new AppError("PATH_ESCAPE", `"${quote(value)}" leaves its root.`, { hint });
}

/** Refused text is shown back short and harmless: a reader's terminal or prompt must not obey it. */
function quote(value: string): string {
  const plain = value.replace(/[^\p{L}\p{N}\p{M} ._\-/\\%+@()[\]]/gu, "?");
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}
