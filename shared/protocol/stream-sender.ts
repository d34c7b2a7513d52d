/**
 * The sending half of one attempt's durable stream ([S] rules): which frame to send next, given what the spool holds and
 * what the edge has acknowledged. Pure; the spool supplies the items.
 */
export interface SenderState {
  /** Everything up to here is committed at the edge. */
  readonly acked: number;
  /** Everything up to here was sent in this session. */
  readonly sent: number;
  /** Frames sent and not acknowledged, as the last sequence number of each. */
  readonly inFlight: readonly number[];
}

export interface SenderLimits {
  readonly windowFrames: number;
}

/** A new session: nothing counts as sent beyond what the edge says it has. */
export function resumeSender(acked: number): SenderState {
  return { acked, sent: acked, inFlight: [] };
}

export function mayFrame(state: SenderState, lastSeq: number, bounds: SenderLimits): boolean {
  return state.sent < lastSeq && state.inFlight.length < bounds.windowFrames;
}

export function frameSent(state: SenderState, upTo: number): SenderState {
  return { ...state, sent: upTo, inFlight: [...state.inFlight, upTo] };
}

/** Acks are cumulative; one that is older than what is known changes nothing. */
export function frameAcked(state: SenderState, upTo: number): SenderState {
  if (upTo <= state.acked) return state;
  return {
    acked: upTo,
    sent: Math.max(state.sent, upTo),
    inFlight: state.inFlight.filter((last) => last > upTo),
  };
}

/** The edge lacks `expected`: everything from there is sent again. */
export function rewound(state: SenderState, expected: number): SenderState {
  return { acked: Math.max(state.acked, expected - 1), sent: expected - 1, inFlight: [] };
}
