import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { sniffPicture } from "@trainyard/shared/dataset/picture-bytes.ts";
import type { PictureKind } from "@trainyard/shared/dataset/picture-bytes.ts";
import { keptFormat, uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { lookAtPicture } from "../../datasets/scan/look-at-picture.ts";
import { loadSharp } from "../../files/load-sharp.ts";
import { convertHeic } from "./heic.ts";
import type { IntakeQuestion, PictureTaken } from "./messages.ts";
import { refusalOf } from "./refusals.ts";

type PictureQuestion = Extract<IntakeQuestion, { want: "picture" }>;

/** Enough for every signature, and for the first tags of a page that calls itself a picture. */
const headBytes = 1024;
/** What a re-encoding may lose is below what a trainer's crop and scaling lose anyway. */
const quality = 95;

/**
 * Decodes one picture to its end. What a trainer could not read, or would read lying on its side, is written to `output` as it is to
 * be kept; the rest stays as it came, byte for byte. Throws IMAGE_CORRUPT, IMAGE_TOO_LARGE, IMAGE_CHUNK_LIMIT, MIME_MISMATCH,
 * TYPE_REFUSED.
 */
export async function takePicture(question: PictureQuestion): Promise<PictureTaken> {
  const path = join(question.folder, question.file);
  const kind = sniffPicture(readHead(path));
  const format = kind === null ? null : keptFormat(kind);
  if (kind === null || format === null) throw notThat(kind, readHead(path).byteLength);
  if (kind === "heic") {
    await convertHeic(path, question.output, quality);
    return { format, change: "heic_to_jpeg" };
  }
  // GIF too is decoded whole; AVIF and TIFF are looked at by their conversion alone.
  if (kind === "jpeg" || kind === "png" || kind === "webp" || kind === "gif") {
    const { problem } = await lookAtPicture(question.folder, question.file);
    if (problem !== null) throw refusalOf(problem);
  }
  return convert(path, question.output, kind, format);
}

async function convert(
  path: string,
  output: string,
  kind: PictureKind,
  format: PictureTaken["format"],
): Promise<PictureTaken> {
  const sharp = await loadSharp();
  try {
    const options = { failOn: "error", limitInputPixels: limits.imagePixels } as const;
    const { orientation = 1, width, height } = await sharp(path, options).metadata();
    if (Math.max(width, height) > limits.imageSide) throw refusalOf("IMAGE_TOO_LARGE");
    const isUpright = orientation === 1;
    if (kind === format && isUpright) return { format, change: null };
    // A trainer that does not look at the profile sees the same numbers as before; one that does, the same colours.
    const upright = sharp(path, options)
      .timeout({ seconds: limits.imageSeconds })
      .autoOrient()
      .keepIccProfile();
    const encoded =
      format === "jpeg"
        ? upright.jpeg({ quality, chromaSubsampling: "4:4:4" })
        : format === "png"
          ? upright.png()
          : upright.webp({ quality });
    await encoded.toFile(output);
    return { format, change: kind === format ? "turned_upright" : `${kind}_to_${format}` };
  } catch (error) {
    if (error instanceof AppError) throw error;
    const isLarge = error instanceof Error && /pixel limit/i.test(error.message);
    throw refusalOf(isLarge ? "IMAGE_TOO_LARGE" : "IMAGE_CORRUPT");
  }
}

function readHead(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(headBytes);
    return head.subarray(0, readSync(file, head, 0, headBytes, 0));
  } finally {
    closeSync(file);
  }
}

function notThat(kind: PictureKind | null, bytes: number): AppError {
  if (bytes === 0) {
    return new AppError("IMAGE_CORRUPT", "The file is empty.", { hint: "Send the picture again." });
  }
  if (kind === "bmp" || kind === "svg") {
    return new AppError("TYPE_REFUSED", `A ${kind.toUpperCase()} file is not taken.`, {
      hint: uploadKindsHint,
    });
  }
  return new AppError(
    "MIME_MISMATCH",
    kind === null
      ? "The file is no picture, whatever its name says."
      : `The file is ${kind.toUpperCase()} and no picture, whatever its name says.`,
    { hint: uploadKindsHint },
  );
}
