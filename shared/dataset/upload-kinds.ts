import { extensionOf, fileKind } from "./file-kinds.ts";
import type { PictureKind } from "./picture-bytes.ts";

/** What is done with an uploaded file, by its name. */
export type UploadKind =
  /** Decoded; turned upright and converted where the trainers could not read it. */
  | "picture"
  /** Captions and lists: UTF-8. */
  | "text"
  /** Clips, sounds, tables: taken as they are. */
  | "media"
  /** Unpacked. */
  | "archive";

/** Pictures that no trainer reads and that our decoders read: they are converted. */
const converted: ReadonlySet<string> = new Set([
  "heic",
  "heif",
  "avif",
  "gif",
  "tif",
  "tiff",
  "jfif",
]);
const otherArchives: ReadonlySet<string> = new Set(
  "7z rar tar gz tgz bz2 xz zst lz4 cab iso".split(" "),
);

/** Null: nothing that a dataset can hold. */
export function uploadKind(name: string): UploadKind | null {
  const extension = extensionOf(name);
  if (extension === "zip") return "archive";
  if (extension === "tsv") return "text";
  switch (fileKind(name)) {
    case "image":
      return "picture";
    case "not-trained":
      return converted.has(extension) ? "picture" : null;
    case "caption":
    case "other-caption":
      return "text";
    case "video":
    case "sound":
      return "media";
    case "table":
      return extension === "parquet" ? "media" : "text";
    case "other":
      return null;
  }
}

export function isArchiveName(name: string): boolean {
  const extension = extensionOf(name);
  return extension === "zip" || otherArchives.has(extension);
}

/** Said wherever a name is refused. */
export const uploadKindsHint =
  "A dataset holds pictures (jpg, png, webp; heic, avif, gif and tiff are converted), captions (txt), clips, sounds and tables (jsonl, csv, parquet); a zip of them is unpacked.";

/** The format in which a picture is kept; null: no decoder of ours reads it. */
export function keptFormat(kind: PictureKind): "jpeg" | "png" | "webp" | null {
  switch (kind) {
    case "jpeg":
    case "png":
    case "webp":
      return kind;
    // Photos come in these, and lossy already.
    case "heic":
    case "avif":
      return "jpeg";
    case "gif":
    case "tiff":
      return "png";
    case "bmp":
    case "svg":
    case "html":
    case "pdf":
      return null;
  }
}

/** Endings under which a trainer takes a picture, whatever its content is: it opens them by content. */
const kept: ReadonlySet<string> = new Set(["jpg", "jpeg", "png", "webp"]);
const endings = { jpeg: "jpg", png: "png", webp: "webp" } as const;

/** The name under which a picture is kept: its own where a trainer takes that. */
export function keptName(name: string, format: keyof typeof endings): string {
  const extension = extensionOf(name);
  if (kept.has(extension)) return name;
  return `${name.slice(0, name.length - extension.length)}${endings[format]}`;
}
