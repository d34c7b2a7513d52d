import fc from "fast-check";
import { createLineCleaner } from "../../../shared/logs/lines/clean-lines.ts";

const frame = fc
  .tuple(fc.constantFrom("job", "Caching latents"), fc.nat(9))
  .map(([name, n]) => `${name}:  ${n}%|#  | ${n}/9 [00:00<00:09, 1.00it/s]`);

const piece = fc.oneof(
  { weight: 4, arbitrary: frame.map((text) => `\r${text}`) },
  { weight: 1, arbitrary: frame.map((text) => `\r${text}loss is nan\n`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom("plain\n", "same\n", "\n", "\r\n", "a\rb\n", "ü 漢 😀\n"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\u001b[31mred\u001b[0m\n", "ValueError: x\n", "open end"),
  },
);

/** A log with bars, prints glued to them, escapes, characters of several bytes, with and without an end. */
export const someLog = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));

/** Every redraw and line of a log in order, from one pass. */
export function framesOf(bytes: Uint8Array): { frames: string[]; rows: number } {
  const frames: string[] = [];
  const cleaner = createLineCleaner({ matches: (text) => (frames.push(text), false) });
  cleaner.push(bytes);
  cleaner.end();
  return { frames, rows: bytes.filter((byte) => byte === 10).length };
}
