import { randomFrom } from "./random.ts";

/** Units in one hidden layer, and hidden layers. */
export const HIDDEN_UNITS = 128;
export const HIDDEN_LAYERS = 3;

/** Width of the position features: a cosine and a sine for each of 64 frequencies. */
export const FEATURES = 128;

const OPEN_GATE = 1.4;
const SHUT_GATE = 0.1;

/** Cycles per picture, as a normal distribution's width. Higher learns noise before shapes (spikes.md section 4). */
const FREQUENCY_SIGMA = 2;

/** Base weights, frequencies and gates are the same for everybody: an adapter means nothing without them. */
export const BASE_SEED = 20_261_121;

const frequencies = makeFrequencies();
const wordVotes = new Map<string, Float32Array>();

/**
 * One factor per hidden unit (layer after layer) for a caption. Each word votes for a fixed random half of the units,
 * the sum decides: captions that share words share units, so a prompt with known words finds what was learned there.
 */
export function captionGates(caption: string): Float32Array {
  const words = new Set(caption.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  const sum = new Float32Array(HIDDEN_LAYERS * HIDDEN_UNITS);
  // The empty word votes always, so that no caption leaves the units undecided.
  for (const word of ["", ...words]) {
    const votes = votesOf(word);
    for (let unit = 0; unit < sum.length; unit++) sum[unit]! += votes[unit]!;
  }
  return sum.map((votes) => (votes > 0 ? OPEN_GATE : SHUT_GATE));
}

/** Writes the features of the point (x, y), both in [0, 1], at `offset`. */
export function positionFeatures(out: Float32Array, offset: number, x: number, y: number): void {
  for (let pair = 0; pair < FEATURES / 2; pair++) {
    const angle = 2 * Math.PI * (frequencies[2 * pair]! * x + frequencies[2 * pair + 1]! * y);
    // √2 gives every feature unit power, which the first layer's weights expect.
    out[offset + 2 * pair] = Math.SQRT2 * Math.cos(angle);
    out[offset + 2 * pair + 1] = Math.SQRT2 * Math.sin(angle);
  }
}

function votesOf(word: string): Float32Array {
  let votes = wordVotes.get(word);
  if (!votes) {
    const random = randomFrom("word", BASE_SEED, word);
    votes = Float32Array.from({ length: HIDDEN_LAYERS * HIDDEN_UNITS }, () => random.normal());
    wordVotes.set(word, votes);
  }
  return votes;
}

function makeFrequencies(): Float32Array {
  const random = randomFrom("frequencies", BASE_SEED);
  return Float32Array.from({ length: FEATURES }, () => FREQUENCY_SIGMA * random.normal());
}
