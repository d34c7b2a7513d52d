import { fstatSync } from "node:fs";
import { hashRange } from "../files/hash-file.ts";
import { openInside } from "../safe-path.ts";
import type { OpenFile } from "../safe-path.ts";
import type { FileStamp, Spool } from "../spool.ts";

/** SHA-256 of a file below a root, streamed, remembered by device, inode, size and time. */
export async function hashInside(
  spool: Pick<Spool, "hash" | "rememberHash">,
  root: string,
  segments: readonly string[],
): Promise<string> {
  const file = openInside(root, segments);
  try {
    const stamp = stampOf(file.path, file.descriptor);
    const known = spool.hash(stamp);
    if (known !== null) return known;
    const sha256 = await hashRange(file.descriptor, 0, stamp.bytes);
    const after = stampOf(file.path, file.descriptor);
    if (after.bytes === stamp.bytes && after.modifiedAtMs === stamp.modifiedAtMs)
      spool.rememberHash(stamp, sha256);
    return sha256;
  } finally {
    file.close();
  }
}

/** What is known of a file without reading it: it was just written, and hashed on its way. */
export function rememberFile(
  spool: Pick<Spool, "rememberHash">,
  root: string,
  segments: readonly string[],
  hashes: { readonly sha256: string; readonly received?: string },
): void {
  const file = openInside(root, segments);
  try {
    const stamp = stampOf(file.path, file.descriptor);
    spool.rememberHash(stamp, hashes.sha256);
    if (hashes.received !== undefined) spool.rememberHash(asReceived(stamp), hashes.received);
  } finally {
    file.close();
  }
}

/** SHA-256 of the bytes from which this file was made when it was uploaded; null when nothing was changed, or nobody knows. */
export function receivedHash(spool: Pick<Spool, "hash">, file: OpenFile): string | null {
  return spool.hash(asReceived(stampOf(file.path, file.descriptor)));
}

/** A second fact about the same file, under a name that no path can have. */
function asReceived(stamp: FileStamp): FileStamp {
  return { ...stamp, path: `${stamp.path}\0received` };
}

function stampOf(path: string, descriptor: number): FileStamp {
  const { dev, ino, size, mtimeMs } = fstatSync(descriptor);
  return { path, dev, ino, bytes: size, modifiedAtMs: mtimeMs };
}
