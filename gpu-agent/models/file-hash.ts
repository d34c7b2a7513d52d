import { fstatSync } from "node:fs";
import { hashRange } from "../files/hash-file.ts";
import { openInside } from "../safe-path.ts";
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

function stampOf(path: string, descriptor: number): FileStamp {
  const { dev, ino, size, mtimeMs } = fstatSync(descriptor);
  return { path, dev, ino, bytes: size, modifiedAtMs: mtimeMs };
}
