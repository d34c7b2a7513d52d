// npm run conformance: the official suite over both entries, as the table of docs/clients.md. Exits with 1 when something else fails than
// what is written down.
import manifest from "../../node_modules/@modelcontextprotocol/conformance/package.json" with { type: "json" };
import { serve } from "./serve.ts";
import { expectedFailures, failuresOf, rowOf, runSet, sets } from "./suite.ts";

const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(" | ")} |`);

const served = await serve();
try {
  console.log(`@modelcontextprotocol/conformance ${manifest.version}\n`);
  row(["revision", "entry", "required scenarios", "others", "checks passed", "checks failed"]);
  row(["---", "---", "---:", "---:", "---:", "---:"]);
  const outcomes = await Promise.all(sets.map((set) => runSet(served, set.entry, set.revision)));
  for (const outcome of outcomes) row(rowOf(outcome));
  for (const outcome of outcomes) {
    const expected = expectedFailures(outcome.entry, outcome.revision);
    for (const failure of failuresOf(outcome)) {
      if (expected.has(failure) || expected.has(failure.split(":")[0] ?? "")) continue;
      console.error(`${outcome.revision} ${outcome.entry}: ${failure}`);
      process.exitCode = 1;
    }
  }
} finally {
  await served.close();
}
