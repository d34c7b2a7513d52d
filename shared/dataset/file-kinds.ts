/** What AI Toolkit takes by a file's name (commit 27a03a91, toolkit/data_loader.py); case does not matter there. */
const trained: ReadonlySet<string> = new Set(["jpg", "jpeg", "png", "webp"]);
const videos: ReadonlySet<string> = new Set("mp4 avi mov webm mkv wmv m4v flv".split(" "));
const sounds: ReadonlySet<string> = new Set("mp3 wav flac aac ogg m4a".split(" "));
/** Pictures that people put into datasets and that are silently left out. */
const notTrained: ReadonlySet<string> = new Set(
  "bmp gif tif tiff heic heif avif jxl jp2 jfif svg psd raw dng cr2 nef arw".split(" "),
);
const otherCaptions: ReadonlySet<string> = new Set(["caption", "captions", "cap", "json", "md"]);

/** What language models are trained on, by `configure-training-run`. */
export const tableFormats = ["jsonl", "csv", "parquet"] as const;
const tables: ReadonlySet<string> = new Set(tableFormats);

export type FileKind =
  | "image"
  | "video"
  | "sound"
  | "not-trained"
  | "caption"
  | "other-caption"
  | "table"
  | "other";

export function fileKind(name: string): FileKind {
  const extension = extensionOf(name);
  if (trained.has(extension)) return "image";
  if (extension === "txt") return "caption";
  if (videos.has(extension)) return "video";
  if (sounds.has(extension)) return "sound";
  if (notTrained.has(extension)) return "not-trained";
  if (tables.has(extension)) return "table";
  return otherCaptions.has(extension) ? "other-caption" : "other";
}

export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Folders that AI Toolkit does not walk into (`.x`), does not train (`_controls`), or keeps its own caches in. */
export function isSkippedFolder(name: string): boolean {
  return name.startsWith(".") || ownFolders.has(name);
}

const ownFolders: ReadonlySet<string> = new Set([
  "_controls",
  "_latent_cache",
  "_t_e_cache",
  "_clip_vision_cache",
]);

/** A folder whose name says that its pictures were put aside. Without a dot in front they are trained all the same. */
export function readsAsPutAside(folder: string): boolean {
  return folder
    .split("/")
    .some((name) =>
      /^_*(?:quarantined?|duplicates?|dupes?|dups?|corrupt(?:ed)?|broken|bad|rejects?|rejected|removed|deleted|trash(?:ed)?|excluded?|unused|discard(?:ed)?|skip(?:ped)?|old|backup|bak)_*$/i.test(
        name,
      ),
    );
}

/** A folder that most likely holds masks or control pictures; inside a dataset they are trained as pictures. */
export function readsAsCompanion(folder: string): boolean {
  return folder
    .split("/")
    .some((name) =>
      /^_*(?:masks?|controls?|control_images?|conditioning(?:_images?)?|depth|canny|lineart|line|pose|openpose|inpaint|alpha|regs?|regulari[sz]ation)_*$/i.test(
        name,
      ),
    );
}
