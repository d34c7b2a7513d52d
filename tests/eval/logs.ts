// npm run eval:logs [-- --file F] [--misses] [--seed N]: scores the reader of training logs against labelled ones.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { analyzeLog } from "../../shared/logs/log-reader.ts";
import { type Analyze, crossValidate } from "./cross-validate.ts";
import { misses, percent, table } from "./print.ts";
import {
  type CaseScore,
  type LogCase,
  numberNames,
  readCases,
  scoreCase,
  type Summary,
  summarise,
  toolOf,
} from "./score.ts";

const { values } = parseArgs({
  options: {
    file: { type: "string", multiple: true },
    misses: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    "without-tool": { type: "boolean", default: false },
  },
});
const corpus = fileURLToPath(new URL("../fixtures/logs/", import.meta.url));
const files =
  values.file ??
  readdirSync(corpus)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => corpus + name);
const cases = files.flatMap((file) => readCases(readFileSync(file, "utf8")));
const firstSeed = Number(values.seed);
const splits = 20;

const analyze: Analyze = (labelled, withoutRows) =>
  analyzeLog(labelled.log, {
    tool: values["without-tool"] ? undefined : toolOf(labelled),
    withoutRows,
  });

interface Row {
  readonly name: string;
  readonly of: (summary: Summary) => number;
}

const rows: readonly Row[] = [
  { name: "outcome", of: ({ outcome }) => outcome },
  { name: "category", of: ({ category }) => category },
  { name: "macro-F1", of: ({ macroF1 }) => macroF1 },
  { name: "root-cause line, all logs", of: ({ rootCause }) => rootCause },
  { name: "root-cause line, where there is one", of: ({ rootCauseWhereAny }) => rootCauseWhereAny },
  {
    name: "root-cause line, one holds the other",
    of: ({ rootCauseContained }) => rootCauseContained,
  },
];

const cell = (value: string | number): string =>
  typeof value === "string" ? value : percent(value);

function groupRow(name: string, group: readonly CaseScore[]): string[] {
  const { cases, outcome, category, rootCause, numbers } = summarise(group);
  const shares = [outcome, category, rootCause, ...numberNames.map((one) => numbers[one])];
  return [name, String(cases), ...shares.map(percent)];
}

const scores = cases.map((labelled) => scoreCase(labelled, analyze(labelled)));
const plain = summarise(scores);
const crossed = Array.from({ length: splits }, (_, index) =>
  crossValidate(cases, firstSeed + index, analyze),
);
const halved = crossed.map(summarise);
const taught = crossed.map((scores) => summarise(scores.filter(({ taught }) => taught)).category);

console.log(`${cases.length} logs from ${files.map((file) => file.split("/").at(-1)).join(", ")}`);
console.log(
  "Null meets only null. Step, total: equal. Loss, lr: within 1e-6 of the label. Speed: 1e-6 or 0.5 %.\n",
);
const spread = (values: readonly number[]): number[] => [
  values.reduce((sum, value) => sum + value, 0) / values.length,
  Math.min(...values),
  Math.max(...values),
];
console.log(
  table(
    ["", "plain", "cross-validated", "least", "most"],
    [
      ...rows.map(({ name, of }) => [name, of(plain), ...spread(halved.map(of))].map(cell)),
      ["category, where the other half has one", Number.NaN, ...spread(taught)].map(cell),
    ],
  ),
);
console.log(
  `\nCross-validated: mean over ${splits} ways to halve the logs (seeds ${firstSeed} to ${firstSeed + splits - 1}); each half is read without\n` +
    "the rows of the table that decide only in that half, and every case is scored once.",
);
console.log("\nNumbers");
console.log(
  table(
    ["", ...numberNames],
    [
      ["all logs", ...numberNames.map((name) => cell(plain.numbers[name]))],
      ["labelled with a number", ...numberNames.map((name) => cell(plain.numbersWhereAny[name]))],
    ],
  ),
);
for (const [title, key] of [
  ["tool", (one: LogCase) => one.tool],
  ["category", (one: LogCase) => one.expect.category],
] as const) {
  console.log(`\nBy ${title}`);
  const groups = Map.groupBy(scores, (score) => key(score.case));
  console.log(
    table(
      [title, "logs", "outcome", "category", "root cause", ...numberNames],
      [...groups]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([name, group]) => groupRow(name, group)),
    ),
  );
}
const missed = misses(scores);
console.log(
  `\n${missed.length} misses${values.misses || missed.length === 0 ? "" : "; --misses lists them"}`,
);
if (values.misses) for (const line of missed) console.log(line);
