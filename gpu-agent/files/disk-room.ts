import { statfs } from "node:fs/promises";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";

/** Refused before a byte is written: a disk that is full stops the trainings on it. */
export async function checkRoom(folder: string, bytes: number): Promise<void> {
  const disk = await statfs(folder).catch(() => null);
  if (disk === null || disk.bavail * disk.bsize >= bytes + limits.diskReserveBytes) return;
  throw storageFull();
}

export function isFull(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "ENOSPC" || code === "EDQUOT";
}

export function storageFull(cause?: unknown): AppError {
  return new AppError("STORAGE_FULL", "There is not enough room on the box's disk.", {
    hint: "Free some space on the box.",
    cause,
  });
}
