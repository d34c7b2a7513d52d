import type { FileHashes } from "./hashes.ts";
import { ask, LineBroken, Refusal } from "./line.ts";
import { createPatience, pause } from "./patience.ts";
import type { End } from "./upload-state.ts";

export interface Sending {
  readonly file: Blob;
  readonly hashes: FileHashes;
  /** The link with the file's name behind it. */
  readonly url: string;
  readonly partBytes: number;
  /** Whatever has that name already is given up. */
  readonly replaces: boolean;
  /** A person asks once more for a file that was refused: it is looked at again. */
  readonly again: boolean;
  readonly on: SendingEvents;
  readonly signal: AbortSignal;
}

interface SendingEvents {
  sent(bytes: number): void;
  /** All is there, and the box looks at it. */
  looking(): void;
  /** Nothing goes on for a while. */
  held(reason: "line" | "box"): void;
}

export type Sent =
  | { readonly kind: "name-taken" }
  | { readonly kind: "there" | "saved"; readonly end: End };

const pollMs = 1_000;
/** A fault of ours, or bytes that change on their way: not for ever. */
const triesMost = 5;

/** Waiting helps against these; `RANGE_INVALID` and `CHECKSUM_MISMATCH` say that a part has to be sent once more. */
const passing: ReadonlySet<string> = new Set([
  "AGENT_OFFLINE",
  "TOOL_TIMEOUT",
  "TRANSFER_BROKEN",
  "QUOTA_EXCEEDED",
  "RATE_LIMITED",
]);
const bounded: ReadonlySet<string> = new Set(["INTERNAL", "RANGE_INVALID", "CHECKSUM_MISMATCH"]);

/**
 * Sends one file in verified parts, one at a time, and goes on after any break where the box says that it stands. Ends when the file
 * is in its dataset. Throws the Refusal of the link, or what the browser says when it cannot read the file.
 */
export async function sendFile(sending: Sending): Promise<Sent> {
  const { on, signal } = sending;
  const patience = createPatience(signal);
  let known: End | null = null;
  let again = sending.again;
  let tries = 0;
  let hasSent = false;
  for (;;) {
    try {
      known ??= await askState(sending);
      if (known.complete) return { kind: hasSent ? "saved" : "there", end: known };
      if (known.problem && !again) throw refusalOf(known.problem);
      if (known.processing === true) {
        on.looking();
        await pause(pollMs, signal);
        known = null;
        continue;
      }
      if (known.name_taken === true && !sending.replaces) return { kind: "name-taken" };
      const start: number = known.problem ? 0 : Math.min(known.stored_bytes, lastPart(sending));
      again = false;
      hasSent = true;
      const before: number = known.stored_bytes;
      known = await sendPart(sending, start);
      if (known.stored_bytes > before) {
        patience.progressed();
        tries = 0;
      }
    } catch (error) {
      known = null;
      if (error instanceof Refusal && bounded.has(error.code) && (tries += 1) > triesMost)
        throw error;
      if (!passes(error)) throw error;
      // A file that went away under the page breaks a request as a lost line does; reading it tells.
      await sending.file.slice(0, 1).arrayBuffer();
      const isBoxAway = error instanceof Refusal && error.code === "AGENT_OFFLINE";
      on.held(isBoxAway ? "box" : "line");
      await patience.failed();
    }
  }
}

async function askState({ url, file, hashes, signal }: Sending): Promise<End> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (hashes.whole !== null) headers["x-file-sha256"] = hashes.whole;
  const said = await ask({
    method: "GET",
    url: `${url}?total=${file.size}&upload=${hashes.upload}`,
    headers,
    signal,
  });
  return said as unknown as End;
}

async function sendPart(sending: Sending, start: number): Promise<End> {
  const { url, file, hashes, partBytes, on, signal } = sending;
  const part = Math.floor(start / partBytes);
  const from = part * partBytes;
  const headers: Record<string, string> = {
    accept: "application/json",
    "content-type": "application/octet-stream",
    "x-part-sha256": hashes.parts[part] ?? "",
  };
  if (hashes.whole !== null) headers["x-file-sha256"] = hashes.whole;
  on.sent(from);
  const said = await ask({
    method: "PUT",
    url: `${url}?part=${part}&offset=${from}&total=${file.size}&upload=${hashes.upload}`,
    headers,
    body: file.slice(from, from + partBytes),
    onSent: (bytes) => {
      on.sent(from + bytes);
      if (from + bytes >= file.size) on.looking();
    },
    signal,
  });
  return said as unknown as End;
}

/** Where the last part begins: when all is there and nobody looks at it, that one asks the box to go on. */
function lastPart({ file, partBytes }: Sending): number {
  return file.size === 0 ? 0 : Math.floor((file.size - 1) / partBytes) * partBytes;
}

function passes(error: unknown): boolean {
  if (error instanceof LineBroken) return true;
  return error instanceof Refusal && (passing.has(error.code) || bounded.has(error.code));
}

function refusalOf({ code, message, hint }: NonNullable<End["problem"]>): Refusal {
  return new Refusal(code, message, hint ?? null);
}
