/** What is known of one image of a dataset, as plain data: everything the diagnosis and the repairs decide on. */

/** Why a file was not taken for a sound picture. The names are error codes, as in every other answer. */
export type ImageProblem =
  /** Truncated, empty, or not decodable. */
  | "IMAGE_CORRUPT"
  /** More pixels or bytes than are decoded here. The trainer may still try. */
  | "IMAGE_TOO_LARGE"
  /** Metadata that unpacks beyond all measure. */
  | "IMAGE_CHUNK_LIMIT"
  /** Not one of the formats that the name promises. */
  | "MIME_MISMATCH"
  /** The decoder crashed, or did not end in time. */
  | "DECODER_FAILED"
  | "FILE_UNREADABLE";

/** What decoding found. Sizes are pixels after the EXIF rotation, as the trainer counts them. */
export interface PictureFacts {
  readonly problem: ImageProblem | null;
  readonly format: string | null;
  readonly width: number | null;
  readonly height: number | null;
  /** SHA-256 of the whole file, hex; null when it was not read. */
  readonly sha256: string | null;
  /** `perceptualHash`; null when it could not be decoded. */
  readonly look: string | null;
}

export type CaptionState = "filled" | "empty" | "missing" | "unreadable" | "not-utf8";

export interface CaptionFacts {
  readonly state: CaptionState;
  /** Trimmed; "" unless filled. */
  readonly text: string;
}

export interface DatasetImage {
  /** Below the dataset's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly caption: CaptionFacts;
  /** Null while nobody has looked. */
  readonly picture: PictureFacts | null;
}

/** Entries that are never opened: they could lead elsewhere, or never end. */
type SkippedCode = "PATH_ESCAPE" | "NOT_REGULAR_FILE" | "HARDLINK_REFUSED";

export interface SkippedFile {
  readonly path: string;
  readonly code: SkippedCode;
}

/** A dataset's folder as it was found, beside its images. */
export interface DatasetTree {
  /** By path; at most as many as were asked for. */
  readonly images: readonly DatasetImage[];
  /** Images that the trainer will take, counted also beyond what was asked for. */
  readonly imagesTotal: number;
  readonly skipped: readonly SkippedFile[];
  /** Videos and sounds, which only some models train on. */
  readonly videos: number;
  readonly sounds: number;
  /** Pictures in formats that AI Toolkit does not take, by extension. */
  readonly notTrained: Readonly<Record<string, number>>;
  /** `.txt` files that belong to no image. */
  readonly strayCaptions: readonly string[];
  /** Caption files under other extensions, by extension. */
  readonly otherCaptions: Readonly<Record<string, number>>;
  /** Files that language models train on. */
  readonly tables: readonly string[];
  /** Of the images, their captions, and what else lies beside them. */
  readonly totalBytes: number;
}

/** Files that the trainer cannot read: what counts as corrupt. */
export function isCorrupt({ picture }: DatasetImage): boolean {
  return (
    picture?.problem === "IMAGE_CORRUPT" ||
    picture?.problem === "MIME_MISMATCH" ||
    picture?.problem === "IMAGE_CHUNK_LIMIT"
  );
}

/** "" for the dataset's own folder. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

/** The path without its extension: what an image and its caption share. */
export function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? path : path.slice(0, path.length - (name.length - dot));
}

export function captionPathOf(path: string): string {
  return `${stemOf(path)}.txt`;
}
