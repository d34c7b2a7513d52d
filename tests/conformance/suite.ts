import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../support/trainyard.ts";
import type { Served } from "./serve.ts";

// The package has a command and nothing to import.
const suite = join(root, "node_modules", "@modelcontextprotocol", "conformance");
const cli = join(suite, "dist", "index.js");
const folder = join(import.meta.dirname, "expected-failures");

export type Entry = "fixtures" | "product";
export type Revision = "2026-07-28" | "2025-11-25";

export const sets: readonly { readonly entry: Entry; readonly revision: Revision }[] = [
  { entry: "fixtures", revision: "2026-07-28" },
  { entry: "fixtures", revision: "2025-11-25" },
  { entry: "product", revision: "2026-07-28" },
  { entry: "product", revision: "2025-11-25" },
];

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
}

export interface Outcome {
  readonly entry: Entry;
  readonly revision: Revision;
  /** Every scenario that ran, with its checks. */
  readonly scenarios: ReadonlyMap<string, readonly Check[]>;
  /** Those the revision requires; the others are run and not scored. */
  readonly required: readonly string[];
}

/** One run of the official suite over one address. */
export async function runSet(served: Served, entry: Entry, revision: Revision): Promise<Outcome> {
  const out = mkdtempSync(join(tmpdir(), "ty-suite-"));
  const args = ["server", "--url", served[entry], "--requirements", revision, "-o", out];
  const child = spawn(process.execPath, [cli, ...args], { stdio: "ignore" });
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const scenarios = new Map<string, readonly Check[]>();
  for (const name of readdirSync(out)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT/.exec(name)?.[1];
    const text = readFileSync(join(out, name, "checks.json"), "utf8");
    if (scenario !== undefined) scenarios.set(scenario, JSON.parse(text) as Check[]);
  }
  rmSync(out, { recursive: true, force: true });
  return { entry, revision, scenarios, required: requiredOf(revision) };
}

function requiredOf(revision: Revision): string[] {
  const path = join(suite, "requirements", `${revision}.yaml`);
  return (parse(readFileSync(path, "utf8")) as { server: string[] }).server;
}

/** `scenario` or `scenario:check`, as the suite's own baseline files have them, with the reason that stands behind it. */
export function expectedFailures(entry: Entry, revision: Revision): ReadonlyMap<string, string> {
  const lines = readFileSync(join(folder, `${entry}-${revision}.yml`), "utf8").split("\n");
  const entries = lines.flatMap((line) => {
    const found = /^ {2}- ([\w:-]+)(?: # (.+))?$/.exec(line);
    return found === null ? [] : [[found[1] ?? "", found[2] ?? ""] as const];
  });
  return new Map(entries);
}

export function failuresOf({ scenarios }: Outcome): string[] {
  return [...scenarios].flatMap(([scenario, checks]) =>
    checks.filter(({ status }) => status === "FAILURE").map(({ id }) => `${scenario}:${id}`),
  );
}

const passes = (checks: readonly Check[] | undefined): boolean =>
  checks !== undefined && checks.every(({ status }) => status !== "FAILURE");

/** One row of the table in docs/clients.md. */
export function rowOf(outcome: Outcome): (string | number)[] {
  const { entry, revision, scenarios, required } = outcome;
  const others = [...scenarios.keys()].filter((scenario) => !required.includes(scenario));
  const passing = (names: readonly string[]) =>
    names.filter((scenario) => passes(scenarios.get(scenario))).length;
  const checks = [...scenarios.values()].flat();
  const count = (status: Check["status"]) => checks.filter((one) => one.status === status).length;
  return [
    revision,
    entry,
    `${passing(required)} of ${required.length}`,
    `${passing(others)} of ${others.length}`,
    count("SUCCESS"),
    count("FAILURE"),
  ];
}
