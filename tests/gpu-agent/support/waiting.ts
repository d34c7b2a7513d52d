/** Waits for something that real processes do; fails loudly at the bound. */
export async function until<Result>(
  look: () => Result | null | undefined | false,
  what: string,
  timeoutMs = 20_000,
): Promise<Result> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
