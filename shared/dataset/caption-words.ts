import type { CaptionStatistics } from "../analysis/run-facts.ts";
import { describeNumbers } from "./describe-numbers.ts";
import type { NumberSummary } from "./describe-numbers.ts";

/** Common English, and words of the trade that say nothing of a picture (peers 2.3 has as many of its own). */
const stopWords: ReadonlySet<string> = new Set(
  (
    "the and for with that this from are was were his her its their has have had not but into onto over under about " +
    "there which while who what when where will can you your our they them she him than then very image photo picture " +
    "step steps epoch loss train training cuda gpu job log"
  ).split(" "),
);

const wordPattern = /\p{L}[\p{L}\p{M}\p{N}_-]{2,}/gu;
const termsShown = 25;

/** A letter and at least two more of letters, digits, `_`, `-`; lower case; no stop words (peers 2.3). */
export function captionTokens(text: string): string[] {
  return (text.toLowerCase().match(wordPattern) ?? []).filter((word) => !stopWords.has(word));
}

export interface CaptionSummary extends CaptionStatistics {
  readonly words: NumberSummary;
  readonly characters: NumberSummary;
}

/** Of captions that say something; null when there is none. */
export function summarizeCaptions(captions: readonly string[]): CaptionSummary | null {
  if (captions.length === 0) return null;
  const counts = new Map<string, number>();
  let tokens = 0;
  let characters = 0;
  let ascii = 0;
  const words: number[] = [];
  const different = new Set<string>();
  for (const caption of captions) {
    for (const token of captionTokens(caption)) {
      counts.set(token, (counts.get(token) ?? 0) + 1);
      tokens += 1;
    }
    words.push(caption.split(/\s+/).filter((word) => word !== "").length);
    different.add(caption.toLowerCase().replaceAll(/\s+/g, " "));
    characters += caption.length;
    ascii += caption.replaceAll(/[^ -~\s]/g, "").length;
  }
  return {
    captions: captions.length,
    tokens,
    vocabulary: counts.size,
    meanWords: words.reduce((sum, count) => sum + count, 0) / words.length,
    uniqueRatio: different.size / captions.length,
    asciiRatio: characters === 0 ? null : ascii / characters,
    topTerms: [...counts]
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, termsShown)
      .map(([term, count]) => ({ term, count })),
    words: describeNumbers(words),
    characters: describeNumbers(captions.map((caption) => caption.length)),
  };
}

/** Whether the trigger stands in the caption as a word of its own, whatever its case. The toolkit puts it in front where it is not. */
export function saysTrigger(caption: string, trigger: string): boolean {
  const wanted = trigger.trim().toLowerCase();
  const text = caption.toLowerCase();
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const [before, after] = [text[at - 1] ?? " ", text[at + wanted.length] ?? " "];
    if (!isWordPart(before) && !isWordPart(after)) return true;
  }
  return false;
}

function isWordPart(character: string): boolean {
  return /[\p{L}\p{N}_]/u.test(character);
}
