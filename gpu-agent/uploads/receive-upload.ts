import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { rmSync } from "node:fs";
import { basename } from "node:path";
import { open } from "node:fs/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type { UploadEnd } from "@trainyard/shared/protocol/operations/uploads.ts";
import { checkRoom } from "../files/disk-room.ts";
import { syncFile } from "../files/atomic-write.ts";
import { refuseInUse } from "../jobs/in-use.ts";
import { hashFile } from "../files/hash-file.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { plainPathInside } from "../safe-path.ts";
import { fetchPart, partMismatch } from "./fetch-part.ts";
import { kindOfUpload } from "./admit-upload.ts";
import { endUpload } from "./end-upload.ts";
import { hashThere, uploadPlace } from "./upload-place.ts";
import { readStaged, stagingFiles, writeStaged } from "./staging.ts";
import type { StagedUpload, StagingFiles } from "./staging.ts";

type Args = OperationArgs<"receive-part">;
type Value = OperationValue<"receive-part">;

/** By the staged file: SHA-256 of everything stored so far, so that the file need not be read again at its end. The newest are kept. */
const wholes = new Map<string, { readonly offset: number; readonly hash: Hash }>();

/** After so many bytes the disk begins to write them. */
const syncBytes = 64 * 1024 * 1024;

/** One part of an upload; the caller lets the parts of one upload come one after the other. */
export async function receiveUpload(args: Args, context: OperationContext): Promise<Value> {
  const files = stagingFiles(context.home, args.transferId);
  const staged = stagedFor(args, files);
  if (staged.complete !== null) return repeatEnd(args, staged, staged.complete, { context, files });
  const totalBytes = staged.totalBytes ?? args.totalBytes ?? null;
  const isKnown = args.bytes > 0 && args.offset + args.bytes <= staged.storedBytes;
  if (!isKnown && args.offset !== staged.storedBytes) {
    throw new AppError("RANGE_INVALID", `The upload goes on at byte ${staged.storedBytes}.`, {
      hint: "Send the part that begins there.",
      details: { expected: staged.storedBytes },
    });
  }
  const part = await store(args, { ...staged, totalBytes }, isKnown, { context, files });
  if (args.last === null || part.storedBytes < args.last.totalBytes) {
    return { ...part, complete: null };
  }
  if (part.storedBytes !== args.last.totalBytes) {
    throw new AppError("RANGE_INVALID", "The parts are longer than the whole file.", {
      hint: "Ask for a new upload link.",
    });
  }
  return { ...part, ...(await end(args, part.sha256, { context, files })) };
}

interface Box {
  readonly context: OperationContext;
  readonly files: StagingFiles;
}

/** What is known of this upload, checked against what this part says of it. */
function stagedFor(args: Args, files: StagingFiles): StagedUpload {
  const dataset = parseDatasetRef(args.target.dataset);
  const filename = parseFilename(args.target.filename);
  kindOfUpload(filename);
  const totalBytes = args.last?.totalBytes ?? args.totalBytes ?? null;
  if (Math.max(totalBytes ?? 0, args.offset + args.bytes) > limits.fileBytes) {
    throw new AppError("PAYLOAD_TOO_LARGE", "The file is larger than this box takes.", {
      hint: `At most ${limits.fileBytes} bytes.`,
      details: { max_bytes: limits.fileBytes },
    });
  }
  const fresh: StagedUpload = {
    dataset,
    filename,
    storedBytes: 0,
    totalBytes: null,
    last: null,
    complete: null,
    problem: null,
    bootId: "",
  };
  const known = readStaged(files) ?? fresh;
  // An upload that ended and begins again is another file under the same link, unless its only part says that it is the same.
  const repeats = known.last?.offset === 0 && known.last.sha256 === args.sha256;
  const begins =
    args.offset === 0 && (known.problem !== null || (known.complete !== null && !repeats));
  const staged = begins ? fresh : known;
  if (staged.dataset !== dataset || staged.filename !== filename) {
    throw new AppError("NAME_CONFLICT", "This upload began with another file name.", {
      hint: "Ask for a new upload link.",
    });
  }
  if (staged.totalBytes !== null && totalBytes !== null && totalBytes !== staged.totalBytes) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `This upload was announced with ${staged.totalBytes} bytes, and this part says ${totalBytes}.`,
      { hint: "Say the same total in every part, or ask for a new upload link for another file." },
    );
  }
  return { ...staged, totalBytes: staged.totalBytes ?? totalBytes };
}

/** Brings one part into the staged file, or looks at it where it is already. */
async function store(
  args: Args,
  staged: StagedUpload,
  isKnown: boolean,
  { context, files }: Box,
): Promise<{ readonly sha256: string; readonly storedBytes: number }> {
  if (isKnown && args.sha256 !== null) {
    const sha256 = await hashFile(files.data, args.offset, args.bytes);
    if (args.sha256 !== sha256) throw partMismatch();
    return { sha256, storedBytes: staged.storedBytes };
  }
  if (args.offset === 0) {
    // Before any byte is taken; what began before the job is refused when it is to be placed.
    refuseInUse(uploadPlace(context.home, staged.dataset).folder, context);
    const room = Math.max(args.bytes, staged.totalBytes ?? 0);
    await checkRoom(context.home.staging, room);
  }
  const file = await open(files.data, "a+", 0o600).then(async (made) => {
    await made.close();
    return open(files.data, "r+");
  });
  try {
    // What a cut part left behind the verified bytes goes away; a known part without a hash is taken anew from its place.
    await file.truncate(args.offset);
    const whole = wholeUpTo(files.data, args.offset);
    const sha256 = await fetchPart(args, file, whole, context);
    const storedBytes = args.offset + args.bytes;
    if (Math.floor(storedBytes / syncBytes) > Math.floor(args.offset / syncBytes)) {
      // Beside the next parts, so that little is left to sync at the end; what fails here fails there.
      void syncFile(files.data).catch(() => undefined);
    }
    keepWhole(files.data, storedBytes, whole);
    writeStaged(files, { ...staged, storedBytes });
    return { sha256, storedBytes };
  } finally {
    await file.close();
  }
}

function wholeUpTo(path: string, offset: number): Hash | null {
  if (offset === 0) return createHash("sha256");
  const known = wholes.get(path);
  // A copy: a part that fails must leave no trace in it.
  return known?.offset === offset ? known.hash.copy() : null;
}

function keepWhole(path: string, offset: number, hash: Hash | null): void {
  wholes.delete(path);
  if (hash === null) return;
  wholes.set(path, { offset, hash });
  const [oldest] = wholes.keys();
  if (wholes.size > limits.uploadHashes && oldest !== undefined) wholes.delete(oldest);
}

/** The file is whole: what becomes of it, or that it is still looked at. */
async function end(args: Args, partSha256: string, { context, files }: Box): Promise<UploadEnd> {
  const staged = readStaged(files);
  if (staged === null) throw new Error("an upload that is whole has no state");
  const known = wholes.get(files.data);
  const bytes = staged.storedBytes;
  const sha256 =
    known?.offset === bytes
      ? known.hash.copy().digest("hex")
      : await hashFile(files.data, 0, bytes);
  const declared = args.last?.sha256 ?? null;
  if (declared !== null && declared !== sha256) {
    rmSync(files.data, { force: true });
    rmSync(files.state, { force: true });
    throw new AppError("CHECKSUM_MISMATCH", "The whole file is not what was announced.", {
      hint: "Upload it again from the beginning.",
    });
  }
  const last = { offset: args.offset, bytes: args.bytes, sha256: partSha256 };
  const strict = args.target.strict ?? false;
  writeStaged(files, { ...staged, last });
  return endUpload(
    { transferId: args.transferId, files, staged: { ...staged, last }, sha256, strict },
    context,
  );
}

/**
 * A part of an upload that is whole comes again: its answer was lost, not the file. That is believed only of bytes that lie in
 * the dataset now; otherwise the upload begins anew.
 */
async function repeatEnd(
  args: Args,
  staged: StagedUpload,
  complete: NonNullable<UploadEnd["complete"]>,
  { context, files }: Box,
): Promise<Value> {
  const beginAnew = (problem: AppError): AppError => {
    rmSync(files.state, { force: true });
    return problem;
  };
  if (args.offset + args.bytes > staged.storedBytes) {
    throw new AppError("INVALID_ARGUMENT", `This upload ended at byte ${staged.storedBytes}.`, {
      hint: "Ask for a new upload link for another file.",
    });
  }
  const received = complete.receivedSha256 ?? complete.sha256;
  if (
    args.last?.sha256 !== null &&
    args.last?.sha256 !== undefined &&
    args.last.sha256 !== received
  )
    throw beginAnew(otherFile());
  const problem = await goneFromDataset(complete, staged.dataset, context);
  if (problem !== null) throw beginAnew(problem);
  const { last } = staged;
  const isLast = last !== null && last.offset === args.offset && last.bytes === args.bytes;
  const sha256 = isLast
    ? last.sha256
    : received === complete.sha256 && !complete.archive
      ? await hashFile(placeOf(complete, staged.dataset, context), args.offset, args.bytes)
      : null;
  if (sha256 === null || (args.sha256 !== null && args.sha256 !== sha256))
    throw beginAnew(otherFile());
  return { sha256, storedBytes: staged.storedBytes, complete };
}

/** Null while the file of an ended upload lies where it was put, as it was put. */
export async function goneFromDataset(
  { path, sha256, archive }: NonNullable<UploadEnd["complete"]>,
  dataset: string,
  { home, spool }: OperationContext,
): Promise<AppError | null> {
  // An archive's files are looked after one by one.
  if (archive !== null && archive !== undefined) return null;
  const found = await hashThere(spool, uploadPlace(home, dataset), basename(path));
  if (found === sha256) return null;
  return new AppError(
    "RANGE_INVALID",
    found === null
      ? "The file of this upload was removed from its dataset."
      : "The file of this upload was changed in its dataset.",
    { hint: "Upload it again from the beginning.", details: { expected: 0 } },
  );
}

function placeOf(
  { path }: NonNullable<UploadEnd["complete"]>,
  dataset: string,
  { home }: OperationContext,
): string {
  const { root, name } = uploadPlace(home, dataset);
  return plainPathInside(root, [name, basename(path)]);
}

function otherFile(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "This part is not of the file that was uploaded here.", {
    hint: "Upload the file again from the beginning.",
  });
}
