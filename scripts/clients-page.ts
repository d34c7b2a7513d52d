import { clientSettings } from "../control-plane/http/client-settings.ts";
import { pathCosts, table, toolCosts } from "./token-cost.ts";

const parts: Readonly<Record<string, () => string>> = {
  settings: () => clientSettings("http://127.0.0.1:8787/mcp").map(settingText).join("\n"),
  paths: () => table(pathCosts()),
  tools: () => table(toolCosts()),
};

/** The page with its derived parts written anew; the rest of it is written by hand. */
export function clientsPage(page: string): string {
  let filled = page;
  for (const [name, text] of Object.entries(parts)) {
    const begin = `<!-- ${name}, by npm run generate -->\n\n<!-- prettier-ignore-start -->\n`;
    const end = "<!-- prettier-ignore-end -->";
    const [before, after] = filled.split(begin);
    const rest = after?.slice(after.indexOf(end));
    if (before === undefined || rest === undefined) {
      throw new Error(`docs/clients.md has lost its part "${name}": ${begin}`);
    }
    filled = before + begin + "\n" + text() + "\n" + rest;
  }
  return filled;
}

function settingText({ client, how, text }: ReturnType<typeof clientSettings>[number]): string {
  const language = text.startsWith("{") ? "json" : text.startsWith("[") ? "toml" : "sh";
  return `**${client}.** ${how}\n\n\`\`\`${language}\n${text}\n\`\`\`\n`;
}
