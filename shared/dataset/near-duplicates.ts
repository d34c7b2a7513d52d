import { bitsOf, colourCount } from "./perceptual-hash.ts";

/**
 * Thresholds of `near_duplicates_v1`, chosen on photographs (docs/datasets.md has the rates): at most so many of 64 signs, and at
 * most so much mean difference of the colours. A picture that was scaled, compressed again, slightly cropped or brightened stays
 * below both; other pictures do not.
 */
const nearDuplicateRule = { id: "near_duplicates_v1", signs: 12, colour: 24 } as const;

/**
 * Groups of indices that look alike, each ascending; singles are left out. Every pair is compared: some nanoseconds each, 40 ms
 * for 4,000 pictures.
 */
export function nearDuplicateGroups(looks: readonly (string | null)[]): readonly number[][] {
  const known = looks.flatMap((look, index) => (look === null ? [] : [{ look, index }]));
  const packed = pack(known.map(({ look }) => look));
  const leader = known.map((_, at) => at);
  const find = (start: number): number => {
    let at = start;
    for (let next = leader[at] ?? at; next !== at; next = leader[at] ?? at) at = next;
    return at;
  };
  for (let a = 0; a < known.length; a += 1) {
    for (let b = a + 1; b < known.length; b += 1) {
      if (signDifference(packed, a, b) > nearDuplicateRule.signs) continue;
      if (colourDifference(packed, a, b) > nearDuplicateRule.colour * colourCount) continue;
      const [one, other] = [find(a), find(b)];
      leader[Math.max(one, other)] = Math.min(one, other);
    }
  }
  const groups = new Map<number, number[]>();
  for (const [at, { index }] of known.entries()) {
    const first = find(at);
    const group = groups.get(first);
    if (group === undefined) groups.set(first, [index]);
    else group.push(index);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

interface Packed {
  readonly signs: Uint32Array;
  readonly colours: Uint8Array;
}

function pack(looks: readonly string[]): Packed {
  const signs = new Uint32Array(2 * looks.length);
  const colours = new Uint8Array(colourCount * looks.length);
  for (const [at, look] of looks.entries()) {
    signs[2 * at] = parseInt(look.slice(0, 8), 16);
    signs[2 * at + 1] = parseInt(look.slice(8, 16), 16);
    for (let n = 0; n < colourCount; n += 1)
      colours[colourCount * at + n] = parseInt(look.slice(16 + 2 * n, 18 + 2 * n), 16);
  }
  return { signs, colours };
}

function signDifference({ signs }: Packed, a: number, b: number): number {
  return (
    bitsOf((signs[2 * a] ?? 0) ^ (signs[2 * b] ?? 0)) +
    bitsOf((signs[2 * a + 1] ?? 0) ^ (signs[2 * b + 1] ?? 0))
  );
}

function colourDifference({ colours }: Packed, a: number, b: number): number {
  let sum = 0;
  for (let n = 0; n < colourCount; n += 1)
    sum += Math.abs((colours[colourCount * a + n] ?? 0) - (colours[colourCount * b + n] ?? 0));
  return sum;
}
