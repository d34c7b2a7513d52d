import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { limits } from "@trainyard/shared/limits.ts";
import { logBegin, offsetToAsk, takeLog, takeLogEnd } from "./ui-log.ts";
import type { LogPlace } from "./ui-log.ts";
import type { UiApi } from "./ui-api.ts";
import { UiProblem } from "./ui-server.ts";

/** How far the copy goes; written down after the bytes are, so what lies behind `bytes` was written by a process that died. */
export interface MirrorState {
  readonly place: LogPlace;
  readonly bytes: number;
  /** Some of the copy is not what the file holds, and that was said. */
  readonly lossy: boolean;
}

/** What one look brought. */
export interface Mirrored {
  readonly state: MirrorState;
  readonly grew: boolean;
  /** What is missing or other than it was, in our words. */
  readonly gaps: readonly string[];
}

/**
 * Copies what the UI's log has gained to a file of our own, which is then read like any trainer's output. Throws UiProblem; the
 * file is unchanged then.
 */
export async function mirrorLog(
  api: Pick<UiApi, "log">,
  uiJobId: string,
  path: string,
  before: MirrorState,
  final: boolean,
): Promise<Mirrored> {
  let state = before;
  const gaps: string[] = [];
  if (statSync(path).size < before.bytes) {
    // A power cut took what was not on the disk yet.
    state = { ...before, place: logBegin, bytes: 0 };
    truncateSync(path);
    gaps.push("The copy of the log was damaged, and is made anew.");
  }
  // A second question only where the first answer was about another file.
  for (let question = 0; question < 2; question += 1) {
    const taken = await ask(api, uiJobId, state.place, final);
    if (taken.kind === "absent") break;
    if (taken.kind === "replaced") {
      if (state.place.offset > 0)
        gaps.push("The UI's log was begun anew; what was not read of the old one is missing.");
      state = { ...state, place: logBegin };
      continue;
    }
    if (taken.kind === "end" && taken.skippedBytes > 0)
      gaps.push(`${taken.skippedBytes} bytes of the UI's log were too many to be fetched.`);
    const lossy = taken.kind === "more" && taken.lossy;
    if (lossy && !state.lossy)
      gaps.push("Bytes of the log that are no UTF-8 come as replacement characters.");
    state = {
      place: taken.place,
      bytes: append(path, state.bytes, taken.text),
      lossy: state.lossy || lossy,
    };
    break;
  }
  return { state, grew: state.bytes > before.bytes, gaps };
}

async function ask(api: Pick<UiApi, "log">, uiJobId: string, place: LogPlace, final: boolean) {
  try {
    return takeLog(place, await api.log(uiJobId, offsetToAsk(place)), final);
  } catch (error) {
    if (!(error instanceof UiProblem) || error.kind !== "too-large") throw error;
    return takeLogEnd(await api.log(uiJobId, null));
  }
}

/** The rest of the log from the disk that it lies on, for when its server is gone. Byte for byte. */
export function mirrorFile(source: number, path: string, before: MirrorState): MirrorState {
  const chunk = Buffer.allocUnsafe(limits.readChunkBytes);
  const { size } = fstatSync(source);
  let { bytes } = before;
  let { offset } = before.place;
  while (offset < size) {
    const count = readSync(source, chunk, 0, Math.min(chunk.byteLength, size - offset), offset);
    if (count === 0) break;
    bytes = append(path, bytes, chunk.subarray(0, count));
    offset += count;
  }
  return { ...before, bytes, place: { offset, overlap: "" } };
}

/** Returns the copy's new length. */
function append(path: string, bytes: number, more: string | Uint8Array): number {
  const data = typeof more === "string" ? Buffer.from(more) : more;
  const file = openSync(path, "r+");
  try {
    if (fstatSync(file).size > bytes) ftruncateSync(file, bytes);
    let written = 0;
    while (written < data.byteLength)
      written += writeSync(file, data, written, data.byteLength - written, bytes + written);
    return bytes + data.byteLength;
  } finally {
    closeSync(file);
  }
}
