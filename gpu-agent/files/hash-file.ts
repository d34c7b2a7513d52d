import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { visitRange } from "./read-range.ts";

/** SHA-256 of some bytes of an open file, in hex. */
export async function hashRange(descriptor: number, start: number, end: number): Promise<string> {
  const hash = createHash("sha256");
  await visitRange(descriptor, start, end, (chunk) => void hash.update(chunk));
  return hash.digest("hex");
}

/** The same by name, for files of our own making. Without bounds the whole file. */
export async function hashFile(path: string, start = 0, bytes?: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const end = bytes === undefined ? (await file.stat()).size : start + bytes;
    return await hashRange(file.fd, start, end);
  } finally {
    await file.close();
  }
}
