/**
 * npm run benchmark:observability [-- --output FOLDER] [--cases FILE]: judges the golden cases of tests/fixtures/observability,
 * or those of a file of the same form, and writes observability.json and observability.md. Exit code 1 when a case is not judged as expected, 2 when it is asked wrongly.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { casesMarkdown, goldenCases, runCase } from "./observability-cases.ts";
import type { GoldenCase } from "./observability-cases.ts";

const usage = "usage: npm run benchmark:observability [-- [--output FOLDER] [--cases FILE]]\n";

interface Wish {
  readonly folder: string;
  readonly cases: readonly GoldenCase[];
}

function wish(): Wish | null {
  try {
    const { values } = parseArgs({
      options: { output: { type: "string" }, cases: { type: "string" } },
    });
    const cases = goldenCases(values.cases);
    if (values.output === undefined) {
      return { folder: mkdtempSync(join(tmpdir(), "trainyard-observability-")), cases };
    }
    const folder = resolve(values.output);
    mkdirSync(folder, { recursive: true });
    return { folder, cases };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return null;
  }
}

function main(): number {
  const asked = wish();
  if (asked === null) return 2;
  const { folder, cases } = asked;
  const results = cases.flatMap(runCase);
  const missed = results.filter((result) => result.missed.length > 0);
  const document = { cases: results.length, missed: missed.length, results };
  writeFileSync(join(folder, "observability.json"), `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(join(folder, "observability.md"), casesMarkdown(results));
  for (const { name, seed, missed: reasons } of missed) {
    process.stdout.write(`missed: ${name}, seed ${seed ?? "none"}: ${reasons.join("; ")}\n`);
  }
  process.stdout.write(
    `${results.length - missed.length} of ${results.length} cases judged as expected; report in ${folder}\n`,
  );
  return missed.length === 0 ? 0 : 1;
}

process.exitCode = main();
