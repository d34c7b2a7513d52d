/**
 * The receiving half ([R] rules): what to apply of a frame that starts at `from`, when everything up to `acked` is
 * committed. No reorder buffer: a hole is answered with the number that is missing.
 */
export type Reception =
  | { readonly kind: "apply"; readonly skip: number; readonly upTo: number }
  /** Nothing new; acknowledge again what is there, the earlier ack was lost. */
  | { readonly kind: "duplicate"; readonly upTo: number }
  | { readonly kind: "hole"; readonly expected: number };

export function receiveFrame(acked: number, from: number, count: number): Reception {
  if (from > acked + 1) return { kind: "hole", expected: acked + 1 };
  const upTo = from + count - 1;
  if (upTo <= acked) return { kind: "duplicate", upTo: acked };
  return { kind: "apply", skip: acked + 1 - from, upTo };
}
