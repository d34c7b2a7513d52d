import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { limits } from "@trainyard/shared/limits.ts";
import { toolListEntries } from "@trainyard/shared/tools/list-entries.ts";
import type { ToolListEntry } from "@trainyard/shared/tools/list-entries.ts";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** The design counts characters / 4, so that a budget does not hang on a vendor's vocabulary. */
const budgets: Readonly<Partial<Record<Toolset, number>>> = {
  mcp: limits.listTokens,
  core: limits.listTokensCore,
};

const text = (value: unknown): string => JSON.stringify(value);
const quarter = (characters: number): number => Math.ceil(characters / 4);

/** Each part as it stands in the list, with its key. */
const parts: Readonly<Record<string, (entry: ToolListEntry) => unknown>> = {
  name: ({ name, title }) => ({ name, title }),
  description: ({ description }) => ({ description }),
  input: ({ inputSchema }) => ({ inputSchema }),
  output: ({ outputSchema }) => ({ outputSchema }),
  hints: ({ annotations }) => ({ annotations }),
};

/** What each tool costs in the list, the dearest first, and what of it. */
export function toolCosts(): Table {
  return {
    head: ["tool", ...Object.keys(parts), "characters / 4", "tokens (o200k_base)"],
    rows: toolListEntries("all")
      .toSorted((a, b) => text(b).length - text(a).length)
      .map((entry) => [
        `\`${entry.name}\``,
        ...Object.values(parts).map((part) => quarter(text(part(entry)).length)),
        quarter(text(entry).length),
        countTokens(text(entry)),
      ]),
  };
}

/** What the list of each path costs. `over` where one is over its budget. */
export function pathCosts(): Table & { readonly over: boolean } {
  const costs = toolsetPaths.map(({ toolset, path }) => {
    const entries = toolListEntries(toolset);
    const cost = quarter(text(entries).length);
    return { path, tools: entries.length, cost, budget: budgets[toolset], entries };
  });
  return {
    head: ["path", "tools", "characters / 4", "budget", "tokens (o200k_base)"],
    rows: costs.map(({ path, tools, cost, budget, entries }) => [
      `\`${path}\``,
      tools,
      cost,
      budget ?? "",
      countTokens(text(entries)),
    ]),
    over: costs.some(({ cost, budget }) => budget !== undefined && cost > budget),
  };
}

/** As Markdown; every column but the first is figures. */
export function table({ head, rows }: Table): string {
  const row = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)).join(" | ")} |\n`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map(row).join("");
}
