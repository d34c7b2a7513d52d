import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  judgeSafetensors,
  safetensorsHeaderLength,
} from "@trainyard/shared/jobs/safetensors-header.ts";
import type { SafetensorsVerdict } from "@trainyard/shared/jobs/safetensors-header.ts";

export type SafetensorsFileVerdict = SafetensorsVerdict & { readonly bytes: number };

/** Judges a file by its header and length alone; the tensors are never read. Null when there is no such file. */
export function judgeSafetensorsFile(path: string): SafetensorsFileVerdict | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
  try {
    return judgeOpenFile(file);
  } finally {
    closeSync(file);
  }
}

export function judgeOpenFile(file: number): SafetensorsFileVerdict {
  const { size } = fstatSync(file);
  const prefix = Buffer.alloc(8);
  const length = readFully(file, prefix, 0) === 8 ? safetensorsHeaderLength(prefix, size) : null;
  if (length === null) {
    return {
      bytes: size,
      valid: false,
      problem: "the header's length cannot be right",
      tensors: 0,
      metadata: {},
      step: null,
    };
  }
  const header = Buffer.alloc(length);
  if (readFully(file, header, 8) < length) {
    return {
      bytes: size,
      valid: false,
      problem: "the file ends inside its header",
      tensors: 0,
      metadata: {},
      step: null,
    };
  }
  return { bytes: size, ...judgeSafetensors(header, size) };
}

function readFully(file: number, buffer: Buffer, at: number): number {
  let done = 0;
  while (done < buffer.byteLength) {
    const count = readSync(file, buffer, done, buffer.byteLength - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
