import type Sharp from "sharp";

let loaded: Promise<typeof Sharp> | null = null;

/** For child processes only, and there only when something is decoded. One picture a thread: several at once come from who asks. */
export function loadSharp(): Promise<typeof Sharp> {
  loaded ??= import("sharp").then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loaded;
}
