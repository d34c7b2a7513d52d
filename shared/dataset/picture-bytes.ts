/** What the first bytes of a file and its metadata parts tell, before a decoder is let near it. */

export type PictureKind =
  | "jpeg"
  | "png"
  | "webp"
  | "gif"
  | "bmp"
  | "tiff"
  | "avif"
  | "heic"
  | "svg"
  | "html"
  | "pdf";

/** Formats that both AI Toolkit's decoder and ours read; the others are not handed to a decoder. */
export const decodedKinds: ReadonlySet<PictureKind> = new Set(["jpeg", "png", "webp", "gif"]);

/** Null for anything that is no picture known here. */
export function sniffPicture(bytes: Uint8Array): PictureKind | null {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return "jpeg";
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "png";
  const head = latin(bytes, 0, 16);
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "webp";
  if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) return "gif";
  if (head.startsWith("BM")) return "bmp";
  if (head.startsWith("II*\0") || head.startsWith("MM\0*")) return "tiff";
  if (head.slice(4, 8) === "ftyp") {
    const brand = head.slice(8, 12);
    return brand.startsWith("avi") ? "avif" : /^(?:hei|hev|mif|msf)/.test(brand) ? "heic" : null;
  }
  if (head.startsWith("%PDF")) return "pdf";
  const text = latin(bytes, 0, 512).trimStart().toLowerCase();
  if (/^(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*(?:<!doctype svg[^>]*>\s*)?<svg/.test(text))
    return "svg";
  return /^<(?:!doctype html|html|head|body|script)/.test(text) ? "html" : null;
}

/** A part of the file that is no picture: a colour profile, EXIF, text. */
export interface MetadataPart {
  readonly start: number;
  readonly end: number;
  /** Compressed by zlib: its true size shows only when it is unpacked. */
  readonly deflated: boolean;
}

/** Bounded by the file's own size; a file that lies about its lengths just ends the list. */
export function metadataParts(bytes: Uint8Array, kind: PictureKind): readonly MetadataPart[] {
  if (kind === "png") return pngParts(bytes);
  if (kind === "jpeg") return jpegParts(bytes);
  return kind === "webp" ? webpParts(bytes) : [];
}

const pngText: ReadonlySet<string> = new Set(["tEXt", "iTXt", "zTXt", "iCCP", "eXIf"]);

function pngParts(bytes: Uint8Array): MetadataPart[] {
  const parts: MetadataPart[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = uint32(bytes, at);
    const type = latin(bytes, at + 4, 4);
    const start = at + 8;
    const end = start + length;
    if (pngText.has(type)) {
      // keyword, NUL, method, then the stream; in iTXt a flag says whether it is compressed.
      const keyword = bytes.indexOf(0, start);
      const packed =
        type === "zTXt" || type === "iCCP" || (type === "iTXt" && bytes[keyword + 1] === 1);
      const from =
        packed && keyword >= 0 && keyword < end ? afterKeyword(bytes, type, keyword) : start;
      parts.push({
        start: Math.min(from, end),
        end: Math.min(end, bytes.length),
        deflated: packed,
      });
    }
    if (type === "IEND") break;
    at = end + 4;
  }
  return parts;
}

function afterKeyword(bytes: Uint8Array, type: string, keyword: number): number {
  if (type !== "iTXt") return keyword + 2;
  const language = bytes.indexOf(0, keyword + 3);
  const translated = language < 0 ? -1 : bytes.indexOf(0, language + 1);
  return translated < 0 ? keyword + 3 : translated + 1;
}

/** Colour profiles (APP2 `ICC_PROFILE`) and EXIF (APP1). Depth maps and previews of phones are longer and harmless. */
function jpegParts(bytes: Uint8Array): MetadataPart[] {
  const parts: MetadataPart[] = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xda || marker === 0xd9) break;
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const start = at + 4;
    const name = latin(bytes, start, 12);
    if (
      (marker === 0xe2 && name.startsWith("ICC_PROFILE")) ||
      (marker === 0xe1 && name.startsWith("Exif"))
    )
      parts.push({ start, end: Math.min(at + 2 + length, bytes.length), deflated: false });
    at += 2 + Math.max(2, length);
  }
  return parts;
}

function webpParts(bytes: Uint8Array): MetadataPart[] {
  const parts: MetadataPart[] = [];
  for (let at = 12; at + 8 <= bytes.length;) {
    const type = latin(bytes, at, 4);
    const length =
      (bytes[at + 4] ?? 0) +
      (bytes[at + 5] ?? 0) * 0x100 +
      (bytes[at + 6] ?? 0) * 0x1_0000 +
      (bytes[at + 7] ?? 0) * 0x100_0000;
    if (type === "ICCP" || type === "EXIF" || type === "XMP ")
      parts.push({ start: at + 8, end: Math.min(at + 8 + length, bytes.length), deflated: false });
    at += 8 + length + (length & 1);
  }
  return parts;
}

function startsWith(bytes: Uint8Array, wanted: readonly number[]): boolean {
  return wanted.every((byte, at) => bytes[at] === byte);
}

function latin(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 +
    (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}
