import { AppError } from "../errors.ts";
import { limits } from "../limits.ts";
import { foldName, parseFilename } from "../names.ts";
import { isArchiveName, uploadKind } from "./upload-kinds.ts";

/** One entry as a zip's directory tells it; nothing of it is believed but that it says so. */
export interface ArchiveEntry {
  /** From 1, in the order of the directory. */
  readonly number: number;
  readonly name: string;
  readonly compressedBytes: number;
  readonly bytes: number;
  /** Where its local header begins in the archive. */
  readonly offset: number;
  /** Type and permissions as Unix writes them; 0 where the archive was made elsewhere. */
  readonly mode: number;
  readonly encrypted: boolean;
  /** 0 stored, 8 deflated; others are not read. */
  readonly method: number;
}

export interface KeptEntry {
  readonly number: number;
  /** Without folders. */
  readonly name: string;
  readonly bytes: number;
}

interface SkippedEntry {
  readonly filename: string;
  readonly code: string;
  readonly message: string;
}

export interface ArchivePlan {
  readonly kept: readonly KeptEntry[];
  /** What a dataset cannot hold, by name. */
  readonly skipped: readonly SkippedEntry[];
  readonly totalBytes: number;
}

const regular = 0o100_000;
const typeMask = 0o170_000;
/** Of a local header before its name. */
const localHeaderBytes = 30;

/**
 * Which entries of an archive are unpacked, before one byte of it is. Folders are left away. Throws for what makes the whole archive
 * suspect (reliability 4.8): ARCHIVE_ENTRY_REFUSED with the entry's number, NESTED_ARCHIVE, ARCHIVE_RATIO, ARCHIVE_TOO_LARGE,
 * ARCHIVE_CORRUPT.
 */
export function planArchive(entries: readonly ArchiveEntry[], archiveBytes: number): ArchivePlan {
  if (entries.length > limits.archiveEntries) {
    throw tooLarge(
      `It has ${entries.length} entries; at most ${limits.archiveEntries} are unpacked.`,
    );
  }
  refuseOverlaps(entries, archiveBytes);
  const kept: KeptEntry[] = [];
  const skipped: SkippedEntry[] = [];
  const numbers = new Map<string, number>();
  let totalBytes = 0;
  for (const entry of entries) {
    const path = pathOf(entry);
    if (entry.name.endsWith("/") || isClutter(path)) continue;
    refuseOddities(entry);
    const name = path.at(-1) ?? "";
    if (isArchiveName(name)) {
      throw refusal("NESTED_ARCHIVE", entry, "is an archive itself", "Pack its files instead.");
    }
    const problem = problemOf(name);
    if (problem !== null) {
      skipped.push({ filename: name.slice(0, 200), ...problem });
      continue;
    }
    const twin = numbers.get(foldName(name));
    if (twin !== undefined) {
      throw refusal(
        "ARCHIVE_ENTRY_REFUSED",
        entry,
        `has the same name as entry ${twin}, folders and case aside`,
        "A dataset is one folder: give the two different names.",
      );
    }
    numbers.set(foldName(name), entry.number);
    totalBytes += entry.bytes;
    refuseBomb(entry);
    kept.push({ number: entry.number, name, bytes: entry.bytes });
  }
  if (totalBytes > limits.fileBytes) {
    throw tooLarge(`Unpacked it has ${totalBytes} bytes; at most ${limits.fileBytes} are taken.`);
  }
  if (
    totalBytes > limits.archiveRatioFromBytes &&
    totalBytes > archiveBytes * limits.archiveRatio
  ) {
    throw ratio("This archive");
  }
  return { kept, skipped, totalBytes };
}

/** Its segments. Throws for a name that leads anywhere else than down. */
function pathOf(entry: ArchiveEntry): readonly string[] {
  const name = entry.name.replaceAll("\\", "/");
  const path = name.split("/");
  const leadsOut = /^[a-z]:/i.test(name) || name.startsWith("/") || path.includes("..");
  // oxlint-disable-next-line no-control-regex -- a NUL would end the path early in the system call
  if (leadsOut || /[\u0000-\u001f\u007f]/.test(name)) {
    throw refusal(
      "ARCHIVE_ENTRY_REFUSED",
      entry,
      leadsOut ? "has a name that leads out of the archive" : "has a control character in its name",
      "Pack the folder again with an ordinary tool.",
    );
  }
  return path.filter((segment) => segment !== "" && segment !== ".");
}

/** What systems put into folders by themselves. */
function isClutter(path: readonly string[]): boolean {
  return path.some(
    (segment) =>
      segment.startsWith(".") || segment === "__MACOSX" || clutter.has(segment.toLowerCase()),
  );
}

const clutter: ReadonlySet<string> = new Set(["thumbs.db", "desktop.ini"]);

function refuseOddities(entry: ArchiveEntry): void {
  const type = entry.mode & typeMask;
  const refuse = (why: string, hint: string): AppError =>
    refusal("ARCHIVE_ENTRY_REFUSED", entry, why, hint);
  if (type !== 0 && type !== regular) {
    throw refuse("is a link or a device", "Pack the files themselves instead of links to them.");
  }
  if (entry.encrypted) throw refuse("is encrypted", "Pack the files without a password.");
  if (entry.method !== 0 && entry.method !== 8) {
    throw refuse(
      "is packed in a way that is not read",
      "Pack it with deflate, as every tool does.",
    );
  }
}

function problemOf(name: string): { readonly code: string; readonly message: string } | null {
  if (uploadKind(name) === null) {
    return { code: "TYPE_REFUSED", message: "A dataset cannot hold a file of this kind." };
  }
  try {
    parseFilename(name);
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, message: error.message };
  }
}

/** Small files of one colour or one letter pack better than any bomb; only what is large can hurt. */
function refuseBomb(entry: ArchiveEntry): void {
  if (entry.bytes > limits.fileBytes) throw tooLarge(`Entry ${entry.number} is too large.`);
  const isBomb = entry.bytes > entry.compressedBytes * limits.archiveRatio;
  if (isBomb && entry.bytes > limits.archiveRatioFromBytes) throw ratio(`Entry ${entry.number}`);
}

/** Two entries that share bytes: a few kilobytes would become petabytes, each entry for itself within every bound. */
function refuseOverlaps(entries: readonly ArchiveEntry[], archiveBytes: number): void {
  const byOffset = entries.toSorted((a, b) => a.offset - b.offset);
  for (const [at, entry] of byOffset.entries()) {
    const next = byOffset[at + 1];
    const end = entry.offset + localHeaderBytes + entry.compressedBytes;
    if (end > (next?.offset ?? archiveBytes)) {
      throw refusal(
        "ARCHIVE_ENTRY_REFUSED",
        entry,
        next === undefined
          ? "ends behind the archive's end"
          : `shares bytes with entry ${next.number}`,
        "Pack the folder again with an ordinary tool.",
      );
    }
  }
}

function refusal(
  code: "ARCHIVE_ENTRY_REFUSED" | "NESTED_ARCHIVE",
  { number }: ArchiveEntry,
  why: string,
  hint: string,
): AppError {
  return new AppError(code, `Entry ${number} of the archive ${why}. Nothing was taken.`, {
    hint,
    details: { entry: number },
  });
}

function ratio(what: string): AppError {
  return new AppError(
    "ARCHIVE_RATIO",
    `${what} would become more than ${limits.archiveRatio} times as large. Nothing was taken.`,
    { hint: "Pictures hardly pack; send the files themselves." },
  );
}

function tooLarge(why: string): AppError {
  return new AppError("ARCHIVE_TOO_LARGE", `The archive is too large. ${why}`, {
    hint: "Send it in several archives.",
  });
}
