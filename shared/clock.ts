/** Only a Clock reads the time, so that every rule can be run under a virtual one. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
