import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import type { OpenFile } from "../safe-path.ts";
import { syncFolder } from "./atomic-write.ts";
import { checkRoom, isFull, storageFull } from "./disk-room.ts";
import { hashFile } from "./hash-file.ts";
import { visitRange } from "./read-range.ts";

export interface CopyTarget {
  readonly path: string;
  readonly sha256: string;
  readonly overwrite: boolean;
}

/**
 * Copies an open file: beside the target, hashed on the way, synced, and renamed only when the hash is right. The old file is whole
 * until the new one is. False when the target is this very file already, by identity or by content. Throws NAME_CONFLICT,
 * STORAGE_FULL, CHECKSUM_MISMATCH.
 */
export async function copyVerified(
  source: OpenFile,
  target: CopyTarget,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const there = await stat(target.path).catch(() => null);
  if (there !== null) {
    if (there.dev === source.stat.dev && there.ino === source.stat.ino) return false;
    const isSame =
      there.isFile() &&
      there.size === source.stat.size &&
      (await hashFile(target.path)) === target.sha256;
    if (isSame) return false;
    if (!there.isFile() || !target.overwrite) {
      throw new AppError("NAME_CONFLICT", "Another file of that name is there already.", {
        hint: there.isFile()
          ? "Give another output_path, or overwrite: true to replace it."
          : "Give another output_path: a folder has that name.",
      });
    }
  }
  const folder = dirname(target.path);
  await mkdir(folder, { recursive: true });
  await checkRoom(folder, source.stat.size);
  // One name, so that what a crash left is written over instead of piling up.
  const temporary = join(folder, `.${basename(target.path)}.part`);
  try {
    const file = await open(temporary, "w", 0o644);
    try {
      await copyInto(file, source, target.sha256, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target.path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw isFull(error) ? storageFull(error) : error;
  }
  syncFolder(folder);
  return true;
}

async function copyInto(
  file: FileHandle,
  source: OpenFile,
  sha256: string,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  await visitRange(source.descriptor, 0, source.stat.size, async (chunk) => {
    signal.throwIfAborted();
    hash.update(chunk);
    for (let done = 0; done < chunk.byteLength;) {
      done += (await file.write(chunk, done, chunk.byteLength - done)).bytesWritten;
    }
  });
  if (hash.digest("hex") === sha256) return;
  throw new AppError("CHECKSUM_MISMATCH", "The model changed while it was copied.", {
    hint: "Call again when nothing writes to it any more.",
  });
}
