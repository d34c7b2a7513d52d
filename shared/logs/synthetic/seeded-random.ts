/** Numbers that look like chance and are the same for the same seed, on every machine. */
export interface SeededRandom {
  /** From 0 up to, but not including, 1. */
  uniform(): number;
  /** About a standard normal one: the sum of four, which is cheap and near enough for a loss. */
  normal(): number;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
}

/** Mulberry32: 32 bits of state, a period of four thousand million draws. */
export function seededRandom(seed: number): SeededRandom {
  let state = Math.imul(seed + 1, 0x9e37_79b1) >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    uniform,
    normal: () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3),
    pick: (items) => items[Math.floor(uniform() * items.length)] ?? items[0],
  };
}
