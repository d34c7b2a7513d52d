import type { WireError } from "../errors.ts";

/** What the box remembers of a call that changes something ([C] rules): delivery may repeat, the effect may not. */
export interface LedgerEntry {
  readonly argsHash: string;
  /** Null while the call runs. */
  readonly outcome: CallOutcome | null;
}

export type CallOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: WireError };

export type LedgerVerdict =
  | { readonly kind: "run" }
  | { readonly kind: "repeat"; readonly outcome: CallOutcome }
  /** Begun before; the running one will answer. After a crash the caller of this rule decides by looking at the world. */
  | { readonly kind: "in-progress" }
  | { readonly kind: "conflict"; readonly error: WireError };

export function judgeCall(entry: LedgerEntry | null, argsHash: string): LedgerVerdict {
  if (entry === null) return { kind: "run" };
  if (entry.argsHash !== argsHash) {
    return {
      kind: "conflict",
      error: {
        code: "IDEMPOTENCY_CONFLICT",
        message: "This call id was used before with other arguments.",
        hint: "Use a new call id for another call.",
      },
    };
  }
  if (entry.outcome === null) return { kind: "in-progress" };
  return { kind: "repeat", outcome: entry.outcome };
}
