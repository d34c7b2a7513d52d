import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import { plainPathInside } from "../safe-path.ts";
import type { OperationHandler } from "./operation-context.ts";

/**
 * JSON lines `{id, timestamp, alert, context?}` (peers 2.15, with the delivery's id in front). The call ledger answers a
 * repeated call; the file itself is asked as well, for an agent that died between the write and the ledger.
 */
export const appendAlerts: OperationHandler<"append-alerts"> = (args, { home }) => {
  const file = parseFilename(args.file);
  const path = plainPathInside(home.root, ["alerts", file]);
  mkdirSync(home.alerts, { recursive: true, mode: 0o700 });
  const descriptor = openAlerts(path);
  try {
    const virtual = `alerts/${file}`;
    const before = whatIsThere(descriptor, args.deliveryId);
    // Killed in the middle of a write: what stands there is no line yet.
    if (before.tornBytes > 0) ftruncateSync(descriptor, before.size - before.tornBytes);
    const size = before.size - before.tornBytes;
    const lines = args.lines
      .slice(before.lines)
      .map((line) => `${JSON.stringify({ id: args.deliveryId, ...line })}\n`);
    if (lines.length === 0) return { path: virtual, written: 0 };
    const bytes = Buffer.from((before.openEnded ? "\n" : "") + lines.join(""));
    if (size + bytes.byteLength > limits.alertFileBytes) {
      throw new AppError("STORAGE_FULL", "The file of alerts on the box is full.", {
        hint: "Move it away on the box, or give another file name.",
        details: { path: virtual, maxBytes: limits.alertFileBytes },
      });
    }
    append(descriptor, bytes, size);
    return { path: virtual, written: lines.length };
  } finally {
    closeSync(descriptor);
  }
};

const newline = 10;

function openAlerts(path: string): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ELOOP") throw error;
    throw new AppError("PATH_ESCAPE", "A link on the box leads out of its root.", {
      hint: "Remove the link, or give another file name.",
    });
  }
}

/** All or nothing: a full disk leaves no half line behind. */
function append(descriptor: number, bytes: Buffer, before: number): void {
  try {
    for (let at = 0; at < bytes.byteLength;) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } catch (error) {
    ftruncateSync(descriptor, before);
    if (!["ENOSPC", "EDQUOT", "EFBIG"].includes(String((error as { code?: unknown }).code)))
      throw error;
    throw new AppError("STORAGE_FULL", "The box's disk is full.", {
      hint: "Free some space; the alert is written then.",
    });
  }
}

/** Deliveries come in turn, so one that was written before stands near the end. */
const searchedBytes = 1024 * 1024;

/** How each of our lines begins. */
const ours = '{"id":"dlv_';

interface Before {
  readonly size: number;
  /** Whole lines of the delivery. */
  readonly lines: number;
  /** Bytes of a line of ours that was cut. */
  readonly tornBytes: number;
  /** Somebody else's last line has no end. */
  readonly openEnded: boolean;
}

function whatIsThere(descriptor: number, deliveryId: string): Before {
  const stat = fstatSync(descriptor);
  if (!stat.isFile() || stat.nlink > 1) {
    throw new AppError("PATH_ESCAPE", "That is no plain file of the alerts folder.", {
      hint: "Give another file name.",
    });
  }
  const { size } = stat;
  const tail = lastBytes(descriptor, size, Math.min(size, searchedBytes));
  const mark = `{"id":${JSON.stringify(deliveryId)},`;
  const end = tail.lastIndexOf(newline) + 1;
  const open = tail.subarray(end);
  // Only we begin a line like this, and we end every line: without its end it was cut, and its delivery comes again.
  const start = open.subarray(0, ours.length).toString();
  const torn = start !== "" && ours.startsWith(start);
  const lines = tail.subarray(0, end).toString().split("\n");
  return {
    size,
    lines: lines.filter((line) => line.startsWith(mark)).length,
    tornBytes: torn ? open.byteLength : 0,
    openEnded: open.byteLength > 0 && !torn,
  };
}

function lastBytes(descriptor: number, size: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const count = readSync(descriptor, bytes, read, length - read, size - length + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}
