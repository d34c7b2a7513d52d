import { mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sniffPicture } from "@trainyard/shared/dataset/picture-bytes.ts";
import { keptName, uploadKind, uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import type { UploadKind } from "@trainyard/shared/dataset/upload-kinds.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { UploadEnd } from "@trainyard/shared/protocol/operations/uploads.ts";
import { syncFile } from "../files/atomic-write.ts";
import { hashFile } from "../files/hash-file.ts";
import { rememberFile } from "../models/file-hash.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { placeFiles } from "./place-files.ts";
import type { StagedFile } from "./place-files.ts";
import { hashThere, keptNames, receivedThere, uploadPlace } from "./upload-place.ts";
import type { UploadPlace } from "./upload-place.ts";

type Complete = NonNullable<UploadEnd["complete"]>;

export interface WholeFile {
  /** Whole, with the hash that it should have. */
  readonly path: string;
  /** A folder of its own for what is made on the way; removed afterwards. */
  readonly work: string;
  readonly dataset: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Of an archive: all of its files, or none. */
  readonly strict: boolean;
}

/** Throws TYPE_REFUSED for a name that no dataset can hold: with the first part already, before the rest is sent. */
export function kindOfUpload(filename: string): UploadKind {
  const kind = uploadKind(filename);
  if (kind !== null) return kind;
  throw new AppError("TYPE_REFUSED", "A dataset cannot hold a file of this kind.", {
    hint: uploadKindsHint,
  });
}

/** Takes one whole file into its dataset: a picture decoded, an archive unpacked. Throws what it is refused for. */
export async function admitUpload(file: WholeFile, context: OperationContext): Promise<Complete> {
  const kind = kindOfUpload(file.filename);
  rmSync(file.work, { recursive: true, force: true });
  mkdirSync(file.work, { recursive: true, mode: 0o700 });
  try {
    return kind === "archive"
      ? await admitArchive(file, context)
      : await admitFile(file, kind, context);
  } finally {
    rmSync(file.work, { recursive: true, force: true });
  }
}

async function admitFile(
  file: WholeFile,
  kind: Exclude<UploadKind, "archive">,
  context: OperationContext,
): Promise<Complete> {
  const place = uploadPlace(context.home, file.dataset);
  // Its parts were not synced one by one: that took more time than the network.
  await syncFile(file.path);
  const taken = await takeFile({ ...file, kind, number: 1 }, place, context);
  await placeFiles(place, [taken], file.work, context);
  const { sha256, name, change } = taken;
  rememberFile(context.spool, place.root, [place.name, name], {
    sha256,
    ...(change === null ? {} : { received: file.sha256 }),
  });
  return {
    path: `${place.virtualPath}/${name}`,
    bytes: taken.bytes,
    sha256,
    ...(change === null ? {} : { receivedSha256: file.sha256, change }),
  };
}

interface FileToTake {
  readonly path: string;
  readonly work: string;
  readonly filename: string;
  readonly kind: Exclude<UploadKind, "archive">;
  readonly bytes: number;
  readonly sha256: string;
  /** Tells the files of one upload apart in its work folder. */
  readonly number: number;
}

interface TakenFile extends StagedFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly change: string | null;
}

/** The file as it is to be kept, still in staging. */
async function takeFile(
  file: FileToTake,
  place: UploadPlace,
  { intake, spool }: OperationContext,
): Promise<TakenFile> {
  const { path, filename } = file;
  if (file.kind !== "picture") {
    await refuseDisguise(path, file.kind);
    return { path, name: filename, bytes: file.bytes, sha256: file.sha256, change: null };
  }
  const output = join(file.work, `kept-${file.number}`);
  const taken = await intake.picture({ folder: dirname(path), file: basename(path), output });
  const wanted = keptName(filename, taken.format);
  if (taken.change === null && wanted === filename) {
    return { path, name: filename, bytes: file.bytes, sha256: file.sha256, change: null };
  }
  const kept = taken.change === null ? path : output;
  if (taken.change !== null) await syncFile(kept);
  const sha256 = taken.change === null ? file.sha256 : await hashFile(kept);
  const name = await freeName(
    keptNames(filename, wanted),
    { sha256, received: file.sha256 },
    place,
    spool,
  );
  const { size } = await statOf(kept);
  return { path: kept, name, bytes: size, sha256, change: taken.change ?? "renamed" };
}

/** The first name that is free, or this very picture's. The last one is taken whatever is there: it is a re-upload. */
async function freeName(
  names: readonly string[],
  hashes: { readonly sha256: string; readonly received: string },
  place: UploadPlace,
  spool: OperationContext["spool"],
): Promise<string> {
  for (const name of names.slice(0, -1)) {
    const there = await hashThere(spool, place, name);
    const isSame = there === hashes.sha256 || receivedThere(spool, place, name) === hashes.received;
    if (there === null || isSame) return name;
  }
  return names.at(-1) ?? "";
}

/** What calls itself a caption or a clip and is a web page is nobody's dataset; a caption has to be text. */
async function refuseDisguise(path: string, kind: "text" | "media"): Promise<void> {
  const head = await readHead(path);
  const looksLike = sniffPicture(head);
  if (looksLike === "html" || looksLike === "svg") {
    throw new AppError("MIME_MISMATCH", "The file is a web page, whatever its name says.", {
      hint: uploadKindsHint,
    });
  }
  if (kind === "text" && !isText(head)) {
    throw new AppError("MIME_MISMATCH", "The file is not text in UTF-8, whatever its name says.", {
      hint: "Save it as UTF-8, without formatting.",
    });
  }
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    // As a stream: the last letter may be cut in two by where the head ends.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const headBytes = 64 * 1024;

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function statOf(path: string) {
  const file = await open(path, "r");
  try {
    return await file.stat();
  } finally {
    await file.close();
  }
}

/**
 * Every file of an archive is looked at as if it had come alone; the dataset gets them all at once. A file that is refused is left out
 * and named, or, where all or none are wanted, ends the whole.
 */
async function admitArchive(file: WholeFile, context: OperationContext): Promise<Complete> {
  const place = uploadPlace(context.home, file.dataset);
  const folder = join(file.work, "unpacked");
  mkdirSync(folder, { mode: 0o700 });
  const unpacked = await context.intake.unpack({ archive: file.path, folder });
  const skipped = [...unpacked.skipped];
  const taken: (TakenFile & { readonly filename: string })[] = [];
  const names = new Set(unpacked.files.map(({ name }) => name));
  for (const { number, name: filename, bytes } of unpacked.files) {
    const kind = kindOfUpload(filename);
    if (kind === "archive") continue;
    const path = join(folder, String(number));
    try {
      const sha256 = await hashFile(path);
      const one = { path, work: file.work, filename, kind, bytes, sha256, number };
      const result = await takeFile(one, place, context);
      const name =
        result.name !== filename && names.has(result.name)
          ? otherName(filename, result.name)
          : result.name;
      names.add(name);
      taken.push({ ...result, name, filename });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      skipped.push({ filename, code: error.code, message: error.message });
    }
  }
  if (taken.length === 0 || (file.strict && skipped.length > 0)) throw nothingTaken(skipped);
  await placeFiles(place, taken, file.work, context);
  return {
    path: place.virtualPath,
    bytes: file.bytes,
    sha256: file.sha256,
    archive: {
      files: taken.length,
      images: taken.filter(({ filename }) => uploadKind(filename) === "picture").length,
      captions: taken.filter(({ filename }) => filename.toLowerCase().endsWith(".txt")).length,
      skipped: skipped.slice(0, limits.archiveNamed),
      skippedTotal: skipped.length,
      changed: taken
        .flatMap(({ filename, name, change }) =>
          change === null ? [] : [{ filename, storedAs: name, change }],
        )
        .slice(0, limits.archiveNamed),
    },
  };
}

function otherName(filename: string, kept: string): string {
  return keptNames(filename, kept).at(-1) ?? kept;
}

function nothingTaken(
  skipped: readonly {
    readonly filename: string;
    readonly code: string;
    readonly message: string;
  }[],
): AppError {
  const problems = skipped.slice(0, limits.archiveNamed);
  const [only] = problems;
  return new AppError(
    skipped.length === 0 ? "DATASET_EMPTY" : "ARCHIVE_REFUSED",
    skipped.length === 0
      ? "The archive holds nothing that a dataset can hold."
      : `Nothing was taken: ${skipped.length} of the archive's files ${skipped.length === 1 ? "is" : "are"} refused.`,
    {
      hint:
        only === undefined
          ? uploadKindsHint
          : "details says which and why; correct them and send it again.",
      details: { problems },
    },
  );
}
