import { type DescribedBar, descriptionBefore, parseFigures } from "./bar.ts";

/**
 * What is left of a bar where the terminal has no width: `  0% 0/70 [00:00<?, ?it/s]`, and in a saved notebook
 * ` 80/80 [01:40<00:00,  1.25s/it]` below its description. Null for anything else.
 */
export function findUnframedBar(fragment: string): DescribedBar | null {
  const clock = fragment.indexOf("<");
  if (clock < 0 || clock > longestUnframed || fragment.lastIndexOf("[", clock) < 0) return null;
  const match = unframed.exec(fragment);
  if (!match) return null;
  const [whole, percent, count = "", total = ""] = match;
  const from = match.index + whole.length;
  const bar = parseFigures(fragment, from, fragment.length, Number(percent ?? 0));
  if (!bar || bar.total <= 0) return null;
  const description = descriptionBefore(fragment, match.index);
  if (percent !== undefined) return { description, bar };
  // Without a percentage only a line of nothing but figures is a bar.
  if (description !== "") return null;
  const share = Math.floor((100 * Number(count)) / Number(total));
  return { description, bar: { ...bar, percent: share }, bare: true };
}

/** Up to the figures, which the look-ahead leaves to be read. */
const unframed = /(?:^|[ \t])(?:(\d{1,3})% +)?(?=(\d{1,15})\/(\d{1,15}) \[\d)/;
const longestUnframed = 400;
