export interface FileHashes {
  /** Of each part. */
  readonly parts: readonly string[];
  /** A name for this content: an upload of it goes on wherever and whenever it is begun again. */
  readonly upload: string;
  /** Of the whole file; null above `wholeBytes`. */
  readonly whole: string | null;
}

/** The browser hashes what lies in memory only, and a phone has little of it. */
const wholeBytes = 32 * 1024 * 1024;

let last: Promise<unknown> = Promise.resolve();

/** SHA-256 of a file and of its parts. One file at a time, so that never more than one lies in memory for it. */
export function hashFile(
  file: Blob,
  partBytes: number,
  onRead: (bytes: number) => void,
): Promise<FileHashes> {
  const mine = last.then(() => hash(file, partBytes, onRead));
  last = mine.catch(() => undefined);
  return mine;
}

async function hash(
  file: Blob,
  partBytes: number,
  onRead: (bytes: number) => void,
): Promise<FileHashes> {
  const parts: string[] = [];
  for (let start = 0; start === 0 || start < file.size; start += partBytes) {
    const part = file.slice(start, start + partBytes);
    parts.push(await sha256(await part.arrayBuffer()));
    onRead(start + part.size);
  }
  const [first = ""] = parts;
  const whole =
    parts.length === 1
      ? first
      : file.size <= wholeBytes
        ? await sha256(await file.arrayBuffer())
        : null;
  const name = whole ?? (await sha256(new TextEncoder().encode(parts.join(""))));
  return { parts, upload: name.slice(0, 32), whole };
}

async function sha256(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
