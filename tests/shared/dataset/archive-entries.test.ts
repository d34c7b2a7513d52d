import { describe, expect, it } from "vitest";
import { planArchive } from "@trainyard/shared/dataset/archive-entries.ts";
import type { ArchiveEntry } from "@trainyard/shared/dataset/archive-entries.ts";
import { limits } from "@trainyard/shared/limits.ts";

const gib = 1024 ** 3;

/** Entries that lie one behind the other. */
function archive(count: number, each: Partial<ArchiveEntry>): readonly ArchiveEntry[] {
  const compressedBytes = each.compressedBytes ?? 10;
  return Array.from({ length: count }, (_, at) => ({
    number: at + 1,
    name: `${at}.png`,
    compressedBytes,
    bytes: 10,
    offset: at * (compressedBytes + 100),
    mode: 0o100_644,
    encrypted: false,
    method: 8,
    ...each,
  }));
}

function codeOf(entries: readonly ArchiveEntry[], archiveBytes = 1_000 * gib): string {
  try {
    planArchive(entries, archiveBytes);
    return "taken";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("an archive at its bounds", () => {
  it.each<[string, readonly ArchiveEntry[], string]>([
    ["[Z2] as many entries as are allowed", archive(limits.archiveEntries, {}), "taken"],
    ["[Z2] one entry more", archive(limits.archiveEntries + 1, {}), "ARCHIVE_TOO_LARGE"],
    ["[Z3] 50 GiB in all", archive(50, { bytes: gib, compressedBytes: gib }), "taken"],
    ["[Z3] a GiB more", archive(51, { bytes: gib, compressedBytes: gib }), "ARCHIVE_TOO_LARGE"],
    [
      "[Z3] 50 GiB and a byte in one entry",
      archive(1, { bytes: limits.fileBytes + 1, compressedBytes: gib }),
      "ARCHIVE_TOO_LARGE",
    ],
    [
      "[B26] [Z4] an entry that is a hundred times as large unpacked",
      archive(1, { bytes: gib, compressedBytes: Math.ceil(gib / limits.archiveRatio) }),
      "taken",
    ],
    [
      "[B26] [Z4] an entry that is larger than that",
      archive(1, { bytes: gib, compressedBytes: Math.floor(gib / limits.archiveRatio) }),
      "ARCHIVE_RATIO",
    ],
  ])("%s", (_what, entries, code) => {
    expect(codeOf(entries)).toBe(code);
  });

  it("[B26] [Z4] is refused as a whole where many small entries are the bomb", () => {
    const entries = archive(1_000, { bytes: 100_000, compressedBytes: 100 });

    expect(codeOf(entries, 200_000)).toBe("ARCHIVE_RATIO");
  });
});
