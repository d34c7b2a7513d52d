// npm run bench:tokens: what the list of tools costs a client, before a word was said. Exits with 1 over a budget of the design.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { limits } from "@trainyard/shared/limits.ts";
import { toolListEntries } from "@trainyard/shared/tools/list-entries.ts";
import type { ToolListEntry } from "@trainyard/shared/tools/list-entries.ts";
import { toolsetPaths } from "@trainyard/shared/tools/toolsets.ts";
import type { Toolset } from "@trainyard/shared/tools/toolsets.ts";

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

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)).join(" | ")} |`;
}

function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]) {
  console.log(row(head));
  console.log(row(head.map((_, column) => (column === 0 ? "---" : "---:"))));
  for (const cells of rows) console.log(row(cells));
  console.log("");
}

const all = toolListEntries("all");
printTable(
  ["tool", ...Object.keys(parts), "characters / 4", "tokens (o200k_base)"],
  all
    .toSorted((a, b) => text(b).length - text(a).length)
    .map((entry) => [
      `\`${entry.name}\``,
      ...Object.values(parts).map((part) => quarter(text(part(entry)).length)),
      quarter(text(entry).length),
      countTokens(text(entry)),
    ]),
);

let over = false;
printTable(
  ["path", "tools", "characters / 4", "budget", "tokens (o200k_base)"],
  toolsetPaths.map(({ toolset, path }) => {
    const entries = toolListEntries(toolset);
    const cost = quarter(text(entries).length);
    const budget = budgets[toolset];
    if (budget !== undefined && cost > budget) over = true;
    return [`\`${path}\``, entries.length, cost, budget ?? "", countTokens(text(entries))];
  }),
);
if (over) {
  console.error("Over budget. Shorten descriptions and parameters, or list fewer.");
  process.exitCode = 1;
}
