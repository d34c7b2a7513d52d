import type { ImageProblem } from "@trainyard/shared/dataset/dataset-image.ts";
import { uploadKindsHint } from "@trainyard/shared/dataset/upload-kinds.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";

/** What a person who sent a picture is told of it. */
export function refusalOf(problem: ImageProblem): AppError {
  const [message, hint] = refusals[problem];
  return new AppError(
    problem === "FILE_UNREADABLE" || problem === "DECODER_FAILED" ? "IMAGE_CORRUPT" : problem,
    message,
    { hint },
  );
}

const refusals: Readonly<Record<ImageProblem, readonly [message: string, hint: string]>> = {
  IMAGE_CORRUPT: [
    "The picture cannot be decoded to its end.",
    "Save or copy it anew, then send it.",
  ],
  IMAGE_TOO_LARGE: [
    `The picture is too large: at most ${limits.imagePixels / 1_000_000} megapixels and ${limits.imageSide} pixels a side.`,
    "Make it smaller; trainers scale to about one megapixel.",
  ],
  IMAGE_CHUNK_LIMIT: [
    "The picture carries too much beside its pixels: profiles, EXIF and text have 1 MiB.",
    "Save it without metadata.",
  ],
  MIME_MISMATCH: ["The file is no picture that its name promises.", uploadKindsHint],
  DECODER_FAILED: ["The decoder ended over this picture.", "Save it anew, then send it."],
  FILE_UNREADABLE: ["The file cannot be read.", "Send it again."],
};
