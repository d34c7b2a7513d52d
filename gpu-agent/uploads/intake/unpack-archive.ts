import { open, statfs } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { planArchive } from "@trainyard/shared/dataset/archive-entries.ts";
import type { ArchiveEntry, KeptEntry } from "@trainyard/shared/dataset/archive-entries.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { getFileNameLowLevel, openPromise } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { syncFile } from "../../files/atomic-write.ts";
import { isFull, storageFull } from "../../files/disk-room.ts";
import type { ArchiveUnpacked, IntakeQuestion } from "./messages.ts";

type UnpackQuestion = Extract<IntakeQuestion, { want: "unpack" }>;

/**
 * Unpacks a zip: its directory is judged as a whole first, then each entry is inflated within the size it declared and compared with
 * its CRC. Nothing is written outside the folder, nothing is named by the archive. Throws ARCHIVE_* and NESTED_ARCHIVE, STORAGE_FULL.
 */
export async function unpackArchive({ archive, folder }: UnpackQuestion): Promise<ArchiveUnpacked> {
  const zip = await openZip(archive);
  try {
    const { entries, read } = await readDirectory(zip);
    const plan = planArchive(entries, zip.fileSize);
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < plan.totalBytes + limits.diskReserveBytes) throw storageFull();
    for (const entry of plan.kept) {
      const found = read[entry.number - 1];
      if (found === undefined) throw new Error("a planned entry was not read");
      await unpackEntry(zip, found, entry, join(folder, String(entry.number)));
    }
    await syncAll(plan.kept.map(({ number }) => join(folder, String(number))));
    return { files: [...plan.kept], skipped: [...plan.skipped] };
  } finally {
    zip.close();
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    // Names are decoded by us: the library's own refusal does not say which entry it was.
    return await openPromise(path, { autoClose: false, decodeStrings: false });
  } catch (cause) {
    throw corrupt("The file is no zip archive, or its end is missing.", cause);
  }
}

async function readDirectory(
  zip: ZipFile,
): Promise<{ readonly entries: readonly ArchiveEntry[]; readonly read: readonly Entry[] }> {
  if (zip.entryCount > limits.archiveEntries) {
    throw new AppError(
      "ARCHIVE_TOO_LARGE",
      `The archive has ${zip.entryCount} entries; at most ${limits.archiveEntries} are unpacked.`,
      { hint: "Send it in several archives." },
    );
  }
  const read: Entry[] = [];
  const entries: ArchiveEntry[] = [];
  try {
    for await (const entry of zip.eachEntry()) {
      read.push(entry);
      const flags = entry.generalPurposeBitFlag;
      entries.push({
        number: read.length,
        name: getFileNameLowLevel(flags, entry.fileNameRaw, entry.extraFields, true),
        compressedBytes: entry.compressedSize,
        bytes: entry.uncompressedSize,
        offset: entry.relativeOffsetOfLocalHeader,
        mode: entry.externalFileAttributes >>> 16,
        encrypted: entry.isEncrypted(),
        method: entry.compressionMethod,
      });
    }
  } catch (cause) {
    throw corrupt("The archive's list of files is damaged.", cause);
  }
  return { entries, read };
}

async function unpackEntry(
  zip: ZipFile,
  entry: Entry,
  { number, bytes }: KeptEntry,
  path: string,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    let written = 0;
    let checksum = 0;
    // The library ends the stream with an error when it gives more or less than the entry declared.
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      const piece = chunk as Buffer;
      if (written === 0 && isZip(piece)) {
        throw new AppError(
          "NESTED_ARCHIVE",
          `Entry ${number} of the archive is an archive itself, under another name. Nothing was taken.`,
          { hint: "Pack its files instead.", details: { entry: number } },
        );
      }
      checksum = crc32(piece, checksum);
      written += piece.byteLength;
      await file.writeFile(piece);
    }
    if (written !== bytes || checksum !== entry.crc32) {
      throw corrupt(`Entry ${number} of the archive is not what its checksum says.`, null, number);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (isFull(error)) throw storageFull(error);
    throw corrupt(`Entry ${number} of the archive cannot be unpacked.`, error, number);
  } finally {
    await file.close();
  }
}

/** Some at once: the disk commits them together. */
async function syncAll(paths: readonly string[]): Promise<void> {
  const waiting = [...paths];
  const work = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) await syncFile(path);
  };
  await Promise.all(Array.from({ length: 16 }, work));
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
}

function corrupt(message: string, cause: unknown, entry?: number): AppError {
  return new AppError("ARCHIVE_CORRUPT", `${message} Nothing was taken.`, {
    hint: "Pack the folder again, then send it.",
    ...(entry === undefined ? {} : { details: { entry } }),
    cause,
  });
}
