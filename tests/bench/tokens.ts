// npm run bench:tokens: what the list of tools costs a client, before a word was said. Exits with 1 over a budget of the design.
import { pathCosts, table, toolCosts } from "../../scripts/token-cost.ts";

const paths = pathCosts();
console.log(table(toolCosts()));
console.log(table(paths));
if (paths.over) {
  console.error("Over budget. Shorten descriptions and parameters, or list fewer.");
  process.exitCode = 1;
}
