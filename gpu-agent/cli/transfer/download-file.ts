import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, rename, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { syncFolder } from "../../files/atomic-write.ts";
import { hashFile } from "../../files/hash-file.ts";
import { visitRange } from "../../files/read-range.ts";
import { createPatience, openLink } from "./link-request.ts";

export interface DownloadWish {
  /** The link now; asked again after each break, because a link may have expired meanwhile. */
  readonly link: () => Promise<OfferedFile>;
  readonly output: string;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  readonly onReceived?: (bytes: number, total: number) => void;
}

export interface OfferedFile {
  readonly url: string;
  readonly bytes: number;
  /** Null for what still grows: then it is neither verified nor resumed. */
  readonly sha256: string | null;
}

export interface DownloadedFile {
  readonly status: "downloaded" | "already_there";
  readonly bytes: number;
  readonly sha256: string | null;
  readonly receivedBytes: number;
}

/**
 * Fetches a file beside its place, goes on after any break with what is there, also in a later run, and renames it only when its hash
 * is right. Throws NAME_CONFLICT for another file in its place, CHECKSUM_MISMATCH, and what the link refused.
 */
export async function downloadFile(wish: DownloadWish): Promise<DownloadedFile> {
  const offered = await wish.link();
  const { bytes, sha256 } = offered;
  const there = await stat(wish.output).catch(() => null);
  if (there !== null) {
    if (sha256 !== null && there.isFile() && there.size === bytes) {
      if ((await hashFile(wish.output)) === sha256) {
        return { status: "already_there", bytes, sha256, receivedBytes: 0 };
      }
    }
    if (!wish.overwrite || !there.isFile()) throw inTheWay();
  }
  // The hash is in the name: another version of the model never goes on from this one's bytes.
  const partial = `${wish.output}.${sha256?.slice(0, 12) ?? "new"}.part`;
  const file = await open(partial, sha256 === null ? "w+" : "a+", 0o644).then(async (made) => {
    await made.close();
    return open(partial, "r+");
  });
  let receivedBytes = 0;
  try {
    receivedBytes = await receiveAll(wish, offered, file);
    await file.sync();
  } finally {
    await file.close();
  }
  if (sha256 !== null && (await stat(partial)).size !== bytes) throw cutShort();
  await rename(partial, wish.output);
  syncFolder(dirname(wish.output));
  return { status: "downloaded", bytes, sha256, receivedBytes };
}

/** What is on disk and hashed so far. */
interface Progress {
  have: number;
  received: number;
  hash: Hash;
}

async function receiveAll(
  wish: DownloadWish,
  first: OfferedFile,
  file: FileHandle,
): Promise<number> {
  const { sha256, bytes } = first;
  const progress: Progress = { have: 0, received: 0, hash: createHash("sha256") };
  if (sha256 !== null) {
    progress.have = Math.min(bytes, (await file.stat()).size);
    await visitRange(file.fd, 0, progress.have, (chunk) => void progress.hash.update(chunk));
  }
  const patience = createPatience();
  let offered: OfferedFile | null = first;
  let renewed = false;
  while (progress.have < bytes) {
    const before = progress.have;
    try {
      offered ??= await wish.link();
      if (offered.sha256 !== sha256 || offered.bytes !== bytes) throw otherFile();
      await receive(offered, file, progress, wish);
      if (progress.have < bytes) throw cutShort();
    } catch (error) {
      if (progress.have > before) {
        patience.progressed();
        renewed = false;
      }
      // An expired link is replaced, once for each progress; anything else has to pass.
      const expired = error instanceof AppError && error.code === "LINK_EXPIRED";
      if (!expired || renewed) await patience.failed(error, wish.signal);
      renewed ||= expired;
      offered = null;
    }
  }
  if (sha256 !== null && progress.hash.digest("hex") !== sha256) {
    await file.truncate(0);
    throw new AppError("CHECKSUM_MISMATCH", "What arrived is not the file that was offered.", {
      hint: "Run the command again: it begins anew.",
    });
  }
  await file.truncate(bytes);
  return progress.received;
}

/** One request: what comes is written and counted, until the file or the connection ends. */
async function receive(
  { url, bytes, sha256 }: OfferedFile,
  file: FileHandle,
  progress: Progress,
  { signal, onReceived }: DownloadWish,
): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), limits.transferIdleMs);
  const from = progress.have;
  const range = { range: `bytes=${from}-`, "if-range": `"${sha256 ?? ""}"` };
  try {
    const answer = await openLink(url, {
      method: "GET",
      headers: { "accept-encoding": "identity", ...(from === 0 ? {} : range) },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (from > 0 && answer.status !== 206) {
      // The whole file came where its rest was asked for: what is there is written over.
      progress.have = 0;
      progress.hash = createHash("sha256");
    }
    for await (const chunk of answer.body) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), limits.transferIdleMs);
      for (let done = 0; done < chunk.byteLength;) {
        const room = chunk.byteLength - done;
        done += (await file.write(chunk, done, room, progress.have + done)).bytesWritten;
      }
      progress.hash.update(chunk);
      progress.have += chunk.byteLength;
      progress.received += chunk.byteLength;
      onReceived?.(progress.have, bytes);
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (signal.aborted || error instanceof AppError || isDiskError(code)) throw error;
    throw cutShort(error);
  } finally {
    clearTimeout(timer);
  }
}

/** A disk that is full does not get better by asking again. */
function isDiskError(code: unknown): boolean {
  return typeof code === "string" && ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EBADF"].includes(code);
}

function cutShort(cause?: unknown): AppError {
  return new AppError("TRANSFER_BROKEN", "The file was cut on its way.", {
    hint: "Run the command again: it goes on where it stopped.",
    cause,
  });
}

function otherFile(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "The file on the box changed while it was fetched.", {
    hint: "Run the command again for the new one.",
  });
}

function inTheWay(): AppError {
  return new AppError("NAME_CONFLICT", "Another file of that name is there already.", {
    hint: "Give another --output, or --overwrite to replace it.",
  });
}
