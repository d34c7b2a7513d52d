import { guides } from "@trainyard/shared/resources/registry.ts";

const kept = new Map<string, string>();

/** A guide's Markdown, made once in an isolate; null for a name that is none. */
export function guideText(name: string): string | null {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const guide = guides.find((candidate) => candidate.name === name);
  if (guide === undefined) return null;
  const text = guide.render();
  kept.set(name, text);
  return text;
}
