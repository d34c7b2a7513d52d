import type { ToolAnswer, ToolContract } from "@trainyard/shared/tools/define-tool.ts";

type Data = Readonly<Record<string, unknown>>;

/** Lists whose newest entries stand at the end. */
const newestLast: ReadonlySet<string> = new Set([
  "logs",
  "lines",
  "points",
  "snapshots",
  "alerts",
  "samples",
  "checkpoints",
]);

/**
 * The last net under the tools' own budgets: what a client would cut blindly is cut by rule, and the text says so. The
 * longest list is shortened first, then optional fields go, longest first.
 */
export function fitAnswer(
  tool: ToolContract,
  answer: ToolAnswer<Data>,
  maxCharacters: number,
): ToolAnswer<Data> {
  const room = maxCharacters - answer.text.length - 200;
  if (JSON.stringify(answer.data).length <= room) return answer;
  const data: Record<string, unknown> = { ...answer.data };
  const notes: string[] = [];
  const size = () => JSON.stringify(data).length;
  const originally = new Map<string, number>();
  for (;;) {
    const over = size() - room;
    if (over <= 0) break;
    const list = longest(data, (_key, value) => Array.isArray(value) && value.length > 1);
    if (list === null) break;
    const entries = data[list.key] as unknown[];
    originally.set(list.key, originally.get(list.key) ?? entries.length);
    // Entries differ in length: a little less than their share, and again while it is too much.
    const share = Math.max(0, 1 - over / list.characters) * 0.95;
    const keep = Math.max(1, Math.floor(entries.length * share));
    data[list.key] = newestLast.has(list.key)
      ? entries.slice(entries.length - keep)
      : entries.slice(0, keep);
  }
  for (const [key, before] of originally) {
    notes.push(`${(data[key] as unknown[]).length} of ${before} ${key}`);
  }
  while (size() > room) {
    const optional = longest(
      data,
      (key) => tool.output.shape[key]?.safeParse(undefined).success === true,
    );
    if (optional === null) break;
    delete data[optional.key];
    notes.push(`without ${optional.key}`);
  }
  if (Object.hasOwn(tool.output.shape, "truncated")) data["truncated"] = true;
  return {
    ...answer,
    data,
    text: `${answer.text} Cut to fit (${notes.join(", ")}): ask for less, or over HTTP for all.`,
  };
}

function longest(
  data: Data,
  accept: (key: string, value: unknown) => boolean,
): { readonly key: string; readonly characters: number } | null {
  let best: { key: string; characters: number } | null = null;
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined || !accept(key, value)) continue;
    const characters = JSON.stringify(value).length;
    if (best === null || characters > best.characters) best = { key, characters };
  }
  return best;
}
