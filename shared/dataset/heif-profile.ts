/** The ICC profile of a HEIF file, from its boxes (ISO/IEC 14496-12, 23008-12): `meta` / `iprp` / `ipco` / `colr`. */

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Deeper than any file is; and a list of boxes that never ends is cut. */
const boxesMax = 4_096;

/** The first one; null where the file has none, as files with plain sRGB numbers do. */
export function heifColourProfile(bytes: Uint8Array): Uint8Array | null {
  const meta = find(bytes, { start: 0, end: bytes.length }, "meta");
  // A full box: version and flags stand before its children.
  const iprp = meta === null ? null : find(bytes, { ...meta, start: meta.start + 4 }, "iprp");
  const ipco = iprp === null ? null : find(bytes, iprp, "ipco");
  if (ipco === null) return null;
  for (const box of boxesIn(bytes, ipco)) {
    if (box.type !== "colr") continue;
    const kind = latin(bytes, box.start, 4);
    if (kind === "prof" || kind === "rICC") return bytes.slice(box.start + 4, box.end);
  }
  return null;
}

function find(bytes: Uint8Array, within: Omit<Box, "type">, type: string): Box | null {
  for (const box of boxesIn(bytes, within)) if (box.type === type) return box;
  return null;
}

function* boxesIn(bytes: Uint8Array, { start, end }: Omit<Box, "type">): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  for (let count = 0; count < boxesMax && at + 8 <= end; count += 1) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= end;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short === 0 ? end - at : short;
    const head = isLong ? 16 : 8;
    if (size < head || at + size > end) return;
    yield { type: latin(bytes, at + 4, 4), start: at + head, end: at + size };
    at += size;
  }
}

function latin(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}
