/** A seeded source of numbers. Everything random in this trainer comes from one, so equal data gives an equal curve. */
export interface RandomSource {
  /** Uniform in [0, 1). */
  readonly next: () => number;
  /** Uniform integer in [0, bound). */
  readonly below: (bound: number) => number;
  /** Standard normal. */
  readonly normal: () => number;
}

/** sfc32 seeded from any mix of words and numbers: `randomFrom("pixels", seed, step)` needs no state carried between steps. */
export function randomFrom(...parts: readonly (string | number)[]): RandomSource {
  const text = parts.join("\u0000");
  let a = fnv1a(text, 0x811c9dc5);
  let b = fnv1a(text, 0x9e3779b9);
  let c = fnv1a(text, 0x85ebca6b);
  let counter = 1;

  const word = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  // The first outputs of sfc32 still show the seed.
  for (let round = 0; round < 12; round++) word();

  const next = (): number => word() / 4294967296;
  return {
    next,
    below: (bound) => Math.floor(next() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

function fnv1a(text: string, start: number): number {
  let hash = start | 0;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
