import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName, parseDatasetRef, parseFilename } from "@trainyard/shared/names.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { syncFolder } from "../files/atomic-write.ts";
import { askEdge } from "../files/edge-request.ts";
import { readStaged, stagingFiles, writeStaged } from "../files/staging.ts";
import type { StagedUpload, StagingFiles } from "../files/staging.ts";
import type { Home } from "../home.ts";
import { hashInside } from "../models/file-hash.ts";
import { plainPathInside } from "../safe-path.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

type Args = OperationArgs<"receive-part">;
type Value = OperationValue<"receive-part">;

/** Parts of one upload come one after the other, also when the edge asks twice. */
const turns = new Map<string, Promise<unknown>>();

export const receivePart: OperationHandler<"receive-part"> = (args, context) => {
  const before = turns.get(args.transferId) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => receive(args, context));
  const settled = mine.catch(() => undefined);
  turns.set(args.transferId, settled);
  void settled.then(() => {
    if (turns.get(args.transferId) === settled) turns.delete(args.transferId);
  });
  return mine;
};

async function receive(args: Args, context: OperationContext): Promise<Value> {
  const { home } = context;
  const files = stagingFiles(home, args.transferId);
  const dataset = parseDatasetRef(args.target.dataset);
  const filename = parseFilename(args.target.filename);
  if (args.offset + args.bytes > limits.fileBytes) {
    throw new AppError("PAYLOAD_TOO_LARGE", "The file is larger than this box takes.", {
      hint: `At most ${limits.fileBytes} bytes.`,
    });
  }
  const fresh: StagedUpload = {
    dataset,
    filename,
    storedBytes: 0,
    totalBytes: null,
    complete: null,
  };
  const known = readStaged(files) ?? fresh;
  // A finished upload that begins again is another file under the same link, not a lost answer: that one repeats the end.
  const staged = known.complete !== null && args.offset === 0 ? fresh : known;
  if (staged.dataset !== dataset || staged.filename !== filename) {
    throw new AppError("NAME_CONFLICT", "This upload began with another file name.", {
      hint: "Ask for a new upload link.",
    });
  }
  const totalBytes = args.last?.totalBytes ?? staged.totalBytes;
  if (staged.totalBytes !== null && totalBytes !== staged.totalBytes) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `This upload was announced with ${staged.totalBytes} bytes, and this part says ${totalBytes}.`,
      { hint: "Say the same total in every part, or ask for a new upload link for another file." },
    );
  }
  const isOld = args.offset + args.bytes <= staged.storedBytes && args.bytes > 0;
  if (staged.complete !== null) {
    const { complete } = staged;
    const sha256 = await hashFinishedPart(args, complete, { context, files, dataset, filename });
    return { sha256, storedBytes: staged.storedBytes, complete };
  }
  if (!isOld && args.offset !== staged.storedBytes) {
    throw new AppError("RANGE_INVALID", `The upload goes on at byte ${staged.storedBytes}.`, {
      hint: "Send the part that begins there.",
      details: { expected: staged.storedBytes },
    });
  }

  const file = await open(files.data, "a+", 0o600).then(async (made) => {
    await made.close();
    return open(files.data, "r+");
  });
  try {
    let sha256: string;
    let storedBytes = staged.storedBytes;
    if (isOld) {
      sha256 = await hashFile(files.data, args.offset, args.bytes);
      if (args.sha256 !== null && args.sha256 !== sha256) throw partMismatch();
    } else {
      // What a cut part left behind the verified bytes goes away first.
      await file.truncate(args.offset);
      sha256 = await fetchPart(args, file, context);
      await file.datasync();
      storedBytes = args.offset + args.bytes;
      writeStaged(files, { ...staged, totalBytes, storedBytes });
    }
    if (args.last === null || storedBytes < args.last.totalBytes)
      return { sha256, storedBytes, complete: null };
    const complete = await completeUpload(
      { home, files, dataset, filename, storedBytes },
      args.last,
    );
    return { sha256, storedBytes, complete };
  } finally {
    await file.close();
  }
}

/**
 * A part of an upload that is whole comes again: its answer was lost, not the file. That is believed only of bytes that lie in
 * the dataset now; otherwise the upload begins anew.
 */
async function hashFinishedPart(
  args: Args,
  complete: NonNullable<Value["complete"]>,
  upload: {
    readonly context: OperationContext;
    readonly files: StagingFiles;
    readonly dataset: string;
    readonly filename: string;
  },
): Promise<string> {
  const { context, files, dataset, filename } = upload;
  const root = context.home.datasets;
  const segments = [dataset, filename];
  const beginAnew = (problem: AppError): AppError => {
    rmSync(files.state, { force: true });
    return problem;
  };
  if (args.offset + args.bytes > complete.bytes) {
    throw new AppError("INVALID_ARGUMENT", `This upload ended at byte ${complete.bytes}.`, {
      hint: "Ask for a new upload link for another file.",
    });
  }
  const whole = await hashInside(context.spool, root, segments).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "NOT_FOUND") return null;
    throw error;
  });
  if (whole !== complete.sha256) {
    throw beginAnew(
      new AppError(
        "RANGE_INVALID",
        whole === null
          ? "The file of this upload was removed from its dataset."
          : "The file of this upload was changed in its dataset.",
        { hint: "Upload it again from the beginning.", details: { expected: 0 } },
      ),
    );
  }
  const sha256 = await hashFile(plainPathInside(root, segments), args.offset, args.bytes);
  if (args.sha256 !== null && args.sha256 !== sha256) throw beginAnew(otherFile());
  if ((args.last?.sha256 ?? whole) !== whole) throw beginAnew(otherFile());
  return sha256;
}

async function fetchPart(args: Args, file: FileHandle, context: OperationContext): Promise<string> {
  const hash = createHash("sha256");
  let received = 0;
  try {
    const response = await askEdge(
      `${context.url}/files/agent/${encodeURIComponent(args.transferId)}/parts/${args.part}`,
      {
        method: "GET",
        headers: { authorization: `Ticket ${args.ticket}`, "accept-encoding": "identity" },
        signal: AbortSignal.any([context.signal, AbortSignal.timeout(300_000)]),
      },
    );
    if (response.status !== 200) {
      response.discard();
      throw new AppError(
        "TRANSFER_BROKEN",
        `The part could not be fetched: the edge answered ${response.status}.`,
        {
          hint: "Send the part again.",
        },
      );
    }
    for await (const chunk of response.body) {
      if (received + chunk.byteLength > args.bytes) break;
      hash.update(chunk);
      await writeWhole(file, chunk, args.offset + received);
      received += chunk.byteLength;
    }
  } catch (error) {
    await file.truncate(args.offset);
    if (error instanceof AppError) throw error;
    if ((error as { code?: unknown }).code === "ENOSPC") {
      throw new AppError("STORAGE_FULL", "The box's disk is full.", {
        hint: "Free some space on the box.",
        cause: error,
      });
    }
    throw new AppError("TRANSFER_BROKEN", "The part was cut on its way.", {
      hint: "Send the part again.",
      cause: error,
    });
  }
  const sha256 = hash.digest("hex");
  if (received !== args.bytes) {
    await file.truncate(args.offset);
    throw new AppError("TRANSFER_BROKEN", "The part is not as long as announced.", {
      hint: "Send the part again.",
    });
  }
  if (args.sha256 !== null && args.sha256 !== sha256) {
    await file.truncate(args.offset);
    throw partMismatch();
  }
  return sha256;
}

async function writeWhole(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength;) {
    const { bytesWritten } = await file.write(
      chunk,
      done,
      chunk.byteLength - done,
      position + done,
    );
    done += bytesWritten;
  }
}

/** The file appears in its dataset only now: whole, verified, by one rename. */
async function completeUpload(
  upload: {
    home: Home;
    files: StagingFiles;
    dataset: string;
    filename: string;
    storedBytes: number;
  },
  last: NonNullable<Args["last"]>,
): Promise<NonNullable<Value["complete"]>> {
  const { home, files, dataset, filename, storedBytes } = upload;
  if (storedBytes !== last.totalBytes) {
    throw new AppError("RANGE_INVALID", "The parts are longer than the whole file.", {
      hint: "Ask for a new upload link.",
    });
  }
  const sha256 = await hashFile(files.data, 0, storedBytes);
  if (last.sha256 !== null && last.sha256 !== sha256) {
    rmSync(files.data, { force: true });
    rmSync(files.state, { force: true });
    throw new AppError("CHECKSUM_MISMATCH", "The whole file is not what was announced.", {
      hint: "Upload it again from the beginning.",
    });
  }
  refuseFoldedTwin(home.datasets, dataset);
  const folder = plainPathInside(home.datasets, [dataset]);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  renameSync(files.data, plainPathInside(home.datasets, [dataset, filename]));
  syncFolder(folder);
  syncFolder(home.datasets);
  const complete = { path: `datasets/${dataset}/${filename}`, bytes: storedBytes, sha256 };
  writeStaged(files, { dataset, filename, storedBytes, totalBytes: storedBytes, complete });
  return complete;
}

/** `Photos` beside `photos` is one folder on some file systems and two on others. */
function refuseFoldedTwin(root: string, dataset: string): void {
  const twin = readdirSync(root).find(
    (name) => name !== dataset && foldName(name) === foldName(dataset),
  );
  if (twin === undefined) return;
  throw new AppError("NAME_CONFLICT", `There is a dataset ${twin} that differs only in case.`, {
    hint: `Use ${twin}, or another name.`,
  });
}

async function hashFile(path: string, start: number, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  if (bytes > 0) {
    const stream = createReadStream(path, {
      start,
      end: start + bytes - 1,
      highWaterMark: 1 << 20,
    });
    for await (const chunk of stream) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

function otherFile(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "This part is not of the file that was uploaded here.", {
    hint: "Upload the file again from the beginning.",
  });
}

function partMismatch(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "The part is not what was announced.", {
    hint: "Send the part again.",
  });
}
