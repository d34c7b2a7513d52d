import { configSignatures } from "./config-signatures.ts";
import { dataSignatures } from "./data-signatures.ts";
import { deviceSignatures } from "./device-signatures.ts";
import { hubSignatures } from "./hub-signatures.ts";
import { memorySignatures } from "./memory-signatures.ts";
import { packageSignatures } from "./package-signatures.ts";
import { certainty, type Signature } from "./signature.ts";
import { systemSignatures } from "./system-signatures.ts";

/** The whole table, surest rows first, of equals those that also name a place: the first that fits a line is its meaning. */
export const signatures: readonly Signature[] = [
  ...memorySignatures,
  ...dataSignatures,
  ...systemSignatures,
  ...hubSignatures,
  ...configSignatures,
  ...packageSignatures,
  ...deviceSignatures,
].toSorted(
  (a, b) =>
    certainty[b.certainty] - certainty[a.certainty] ||
    Number(b.raisedIn !== undefined) - Number(a.raisedIn !== undefined),
);

export const signatureById: ReadonlyMap<string, Signature> = new Map(
  signatures.map((row) => [row.id, row]),
);

const anyLineRows = signatures.filter((row) => row.anyLine);

/** One search decides for most lines that no row needs to be tried. */
const anyLineHint =
  /memory|\bOOM\b|oom|CUDA|HIP|cuda|CUBLAS|CUDNN|kernel image|sm_\d|SIG[A-Z]|exitcode|exit status|Signal|killed|Killed|Terminated|Hangup|Quit|Interrupt|\^C|DUE TO|CANCELLED|gated|restricted|space|quota|\[Errno|os error|WinError|PytorchStream|fault|Aborted|Bus error|Illegal|Floating|corruption|corrupted|smashing|malloc|free\(\)|terminat|Fatal|fatal|cannot open shared|not found|required|compiler|library|kIOGPU|bad_alloc|mmap|paging|Xid|ECC|fallen|lost|launch failure|illegal|Error|nan|NaN|inf\b|[Ww]atchdog|death signal|size mismatch|Assertion|CANCELLED|task \d+: Out Of|exit code|return code|panicked|No module named|Permission denied|can't find|not recognized|device driver|nvidia-container|timed out|: error: |zsh: |No data found/;

export interface Line {
  /** Without escape sequences and without what a launcher puts in front. */
  readonly text: string;
  /** It belongs to an exception: its own line or its message. */
  readonly ofException: boolean;
  /** The traceback's last frames, newest first, as `path in function`. */
  readonly frames: string;
}

/** What a line means, or null. `without` leaves rows out: for measuring what the others know. */
export function signatureOf(line: Line, without?: ReadonlySet<string>): Signature | null {
  if (!line.ofException && !anyLineHint.test(line.text)) return null;
  for (const row of line.ofException ? signatures : anyLineRows) {
    if (without?.has(row.id)) continue;
    if (!row.see.test(line.text)) continue;
    if (row.raisedIn && !row.raisedIn.test(line.frames)) continue;
    return row;
  }
  return null;
}
