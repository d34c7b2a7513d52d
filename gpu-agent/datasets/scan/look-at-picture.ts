import { createHash } from "node:crypto";
import { constants, inflate } from "node:zlib";
import { promisify } from "node:util";
import type { ImageProblem, PictureFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { perceptualHash, thumbnailSide } from "@trainyard/shared/dataset/perceptual-hash.ts";
import {
  decodedKinds,
  metadataParts,
  sniffPicture,
} from "@trainyard/shared/dataset/picture-bytes.ts";
import type { PictureKind } from "@trainyard/shared/dataset/picture-bytes.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { loadSharp } from "../../files/load-sharp.ts";
import { visitRange } from "../../files/read-range.ts";
import { openInside } from "../../safe-path.ts";

const unpack = promisify(inflate);

/**
 * Reads and decodes one picture to its end, so that a file that stops half-way is found. It never throws for what a file holds.
 * Memory: the file, and what libvips needs for at most `imagePixels`.
 */
export async function lookAtPicture(folder: string, path: string): Promise<PictureFacts> {
  let bytes: Buffer;
  try {
    const read = await readWhole(folder, path);
    if (read === null) return problem("IMAGE_TOO_LARGE");
    bytes = read;
  } catch (error) {
    if (error instanceof AppError) return problem("FILE_UNREADABLE");
    const code = (error as { code?: unknown }).code;
    if (typeof code === "string") return problem("FILE_UNREADABLE");
    throw error;
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (bytes.byteLength === 0) return problem("IMAGE_CORRUPT", { sha256 });
  const kind = sniffPicture(bytes);
  if (kind === null || !decodedKinds.has(kind))
    return problem("MIME_MISMATCH", { sha256, format: kind });
  if (await hidesTooMuch(bytes, kind))
    return problem("IMAGE_CHUNK_LIMIT", { sha256, format: kind });
  return decode(bytes, { sha256, format: kind });
}

function problem(code: ImageProblem, known: Partial<PictureFacts> = {}): PictureFacts {
  return {
    problem: code,
    format: null,
    width: null,
    height: null,
    sha256: null,
    look: null,
    ...known,
  };
}

/** Null when it is larger than anything a trainer learns from: a file that never ends must not be read. */
async function readWhole(folder: string, path: string): Promise<Buffer | null> {
  const file = openInside(folder, path.split("/"));
  try {
    if (file.stat.size > limits.imageFileBytes) return null;
    const bytes = Buffer.allocUnsafeSlow(file.stat.size);
    let read = 0;
    await visitRange(file.descriptor, 0, file.stat.size, (chunk) => {
      bytes.set(chunk, read);
      read += chunk.byteLength;
    });
    return bytes.subarray(0, read);
  } finally {
    file.close();
  }
}

async function hidesTooMuch(bytes: Buffer, kind: PictureKind): Promise<boolean> {
  let total = 0;
  for (const part of metadataParts(bytes, kind)) {
    total += part.end - part.start;
    if (total > limits.imageMetadataBytes) return true;
    if (!part.deflated) continue;
    try {
      const whole = await unpack(bytes.subarray(part.start, part.end), {
        maxOutputLength: limits.imageMetadataBytes,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      total += whole.byteLength;
    } catch (error) {
      // Anything else is a damaged profile, which the decoder judges.
      if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") return true;
    }
  }
  return total > limits.imageMetadataBytes;
}

async function decode(
  bytes: Buffer,
  known: { readonly sha256: string; readonly format: string },
): Promise<PictureFacts> {
  const sharp = await loadSharp();
  try {
    const header = await sharp(bytes, { failOn: "error", limitInputPixels: false }).metadata();
    const { width: storedWidth, height: storedHeight, orientation = 1 } = header;
    const [width, height] =
      orientation >= 5 ? [storedHeight, storedWidth] : [storedWidth, storedHeight];
    const size = { width, height };
    if (width * height > limits.imagePixels || Math.max(width, height) > limits.imageSide)
      return problem("IMAGE_TOO_LARGE", { ...known, ...size });
    // Scaling while it loads is quick, and still reads every byte: a cut file fails here as it does in the trainer's decoder.
    const rgb = await sharp(bytes, { failOn: "error", limitInputPixels: limits.imagePixels })
      .timeout({ seconds: limits.imageSeconds })
      .resize(thumbnailSide, thumbnailSide, { fit: "fill" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const look = rgb.info.channels === 3 ? perceptualHash(rgb.data, orientation) : null;
    return { problem: null, ...known, ...size, look };
  } catch {
    return problem("IMAGE_CORRUPT", known);
  }
}
