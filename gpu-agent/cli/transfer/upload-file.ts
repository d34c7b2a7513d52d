import { open } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { AppError, wireToError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { createRangeSender, FileChanged } from "../../files/send-range.ts";
import { hashParts } from "./hash-parts.ts";
import type { FileHashes } from "./hash-parts.ts";
import { askLink, createPatience } from "./link-request.ts";

export interface UploadWish {
  /** An upload link, without a file name behind it. */
  readonly link: string;
  readonly path: string;
  /** Under which it goes into the dataset. */
  readonly name: string;
  /** False when the dataset surely has no file of that name: it need not be asked for. */
  readonly mayBeThere: boolean;
  readonly signal: AbortSignal;
  /** Bytes that went out, those of repeated parts included. */
  readonly onSent?: (bytes: number) => void;
}

export interface UploadedFile {
  readonly status: "uploaded" | "already_there";
  readonly bytes: number;
  readonly sha256: string;
  readonly sentBytes: number;
  /** Where the box keeps it; another name when it was converted. */
  readonly storedAs: string;
  readonly change: string | null;
  readonly archive: z.infer<typeof endSchema>["archive"];
}

const endSchema = z.looseObject({
  stored_bytes: z.number(),
  complete: z.boolean(),
  processing: z.boolean().default(false),
  path: z.string().optional(),
  change: z.string().nullish(),
  archive: z
    .looseObject({
      files_saved: z.number(),
      images: z.number(),
      captions: z.number(),
      skipped: z.array(
        z.looseObject({ filename: z.string(), code: z.string(), message: z.string() }),
      ),
    })
    .nullish(),
  problem: z
    .looseObject({ code: z.string(), message: z.string(), hint: z.string().nullish() })
    .nullish(),
});
type End = z.infer<typeof endSchema>;

const pollMs = 1_000;
const mismatchesMax = 3;

/**
 * Sends one file in verified parts, one at a time, and goes on after any break where the box says that it stands: at most one part is
 * sent again for each break. Ends when the box has the file in its dataset. Throws what the link refused, or the last failure once
 * nothing moved for `transferRetryMs`.
 */
export async function uploadFile(wish: UploadWish): Promise<UploadedFile> {
  const file = await open(wish.path, "r");
  try {
    const { size, mtimeMs } = await file.stat();
    const hashes = await hashParts(file.fd, size, limits.partBytes);
    const send = createRangeSender(file.fd, { mayGrow: false });
    const upload = createUpload(wish, { size, hashes, send });
    const end = await upload.run();
    const now = await file.stat();
    if (now.mtimeMs !== mtimeMs || now.size !== size) throw changed();
    return {
      status: upload.sentBytes() === 0 && size > 0 ? "already_there" : "uploaded",
      bytes: size,
      sha256: hashes.sha256,
      sentBytes: upload.sentBytes(),
      storedAs: end.path ?? wish.name,
      change: end.change ?? null,
      archive: end.archive,
    };
  } catch (error) {
    throw error instanceof FileChanged ? changed() : error;
  } finally {
    await file.close();
  }
}

interface Source {
  readonly size: number;
  readonly hashes: FileHashes;
  readonly send: ReturnType<typeof createRangeSender>;
}

function createUpload(wish: UploadWish, { size, hashes, send }: Source) {
  const address = `${wish.link}/${encodeURIComponent(wish.name)}`;
  const query = `total=${size}&upload=${hashes.sha256.slice(0, 32)}`;
  const { signal } = wish;
  let sentBytes = 0;

  const state = async (): Promise<End> => {
    const headers = { accept: "application/json", "x-file-sha256": hashes.sha256 };
    const { said } = await askLink(`${address}?${query}`, { method: "GET", headers, signal });
    return endSchema.parse(said);
  };
  const sendPart = async (start: number): Promise<End> => {
    const end = Math.min(size, start + limits.partBytes);
    const part = Math.floor(start / limits.partBytes);
    const { said } = await askLink(`${address}?part=${part}&offset=${start}&${query}`, {
      method: "PUT",
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(end - start),
        "x-part-sha256": await hashes.of(start, end),
        "x-file-sha256": hashes.sha256,
      },
      body: async (write) => {
        await send({ start, end, hash: null }, async (chunk) => {
          await write(chunk);
          sentBytes += chunk.byteLength;
          wish.onSent?.(chunk.byteLength);
        });
      },
      signal,
    });
    return endSchema.parse(said);
  };

  return {
    sentBytes: () => sentBytes,
    async run(): Promise<End> {
      // A part that was cut or spoilt is sent again; a file that is spoilt as a whole again and again is not.
      const patience = createPatience(["RANGE_INVALID", "CHECKSUM_MISMATCH"]);
      let mismatches = 0;
      let known: End | null = wish.mayBeThere ? null : nothingThere;
      for (;;) {
        try {
          known ??= await state();
          if (known.complete) return known;
          if (known.problem !== null && known.problem !== undefined) throw refused(known.problem);
          if (known.processing) {
            await wait(pollMs, undefined, { signal });
            known = null;
            continue;
          }
          // All is there and nobody works on it: the box was started again in between. Its last part asks it to go on.
          const start = Math.min(known.stored_bytes, lastPartStart(size));
          const before: number = known.stored_bytes;
          known = await sendPart(start);
          if (known.stored_bytes > before || known.complete) patience.progressed();
        } catch (error) {
          known = null;
          const isMismatch = error instanceof AppError && error.code === "CHECKSUM_MISMATCH";
          if (isMismatch && (mismatches += 1) > mismatchesMax) throw error;
          await patience.failed(error, signal);
        }
      }
    },
  };
}

const nothingThere: End = { stored_bytes: 0, complete: false, processing: false };

function lastPartStart(size: number): number {
  return size === 0 ? 0 : Math.floor((size - 1) / limits.partBytes) * limits.partBytes;
}

function refused(problem: NonNullable<End["problem"]>): AppError {
  const { code, message, hint } = problem;
  return wireToError({ code, message, ...(typeof hint === "string" ? { hint } : {}) });
}

function changed(): AppError {
  return new AppError("CHECKSUM_MISMATCH", "The file was written to while it was sent.", {
    hint: "Run the command again when nothing writes to it.",
  });
}
