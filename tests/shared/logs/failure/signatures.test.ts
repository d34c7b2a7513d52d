import { describe, expect, it } from "vitest";
import { certainty } from "../../../../shared/logs/failure/signature.ts";
import { signatures } from "../../../../shared/logs/failure/signatures.ts";
import { observedSignatures } from "../../../../shared/logs/failure/system-signatures.ts";
import { analyzeLog } from "../../../../shared/logs/log-reader.ts";
import { catalog } from "../../../../shared/tools/registry.ts";
import { aloneOnItsLine, raised, shown } from "./signature-examples.ts";

describe("the table of signatures", () => {
  it("has one example for each row here, and no row twice", () => {
    const ids = signatures.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(shown).toSorted()).toEqual(ids.toSorted());
  });

  it.each(signatures.map((row) => [row.id, row] as const))("reads %s", (id, row) => {
    const [line = "", log] = shown[id] ?? [];
    const text =
      log ??
      (row.anyLine && !/^(?:\w+\.)*\w+Error\b/.test(line) ? aloneOnItsLine(line) : raised(line));

    const report = analyzeLog(text);

    expect(report).toMatchObject({ signature: id, category: row.category, outcome: "failed" });
    expect(report.rootCauseLine).toBe(line.trim());
    expect(report).toMatchObject({ cause: row.cause, fix: row.fix, call: row.call ?? null });
  });

  it("reads a row for any line also where no exception is", () => {
    for (const row of signatures.filter(({ anyLine }) => anyLine)) {
      const [line = ""] = shown[row.id] ?? [];
      expect.soft(analyzeLog(aloneOnItsLine(line)).category, row.id).toBe(row.category);
    }
  });

  it("gives one sentence of cause, one fix and where it was seen", () => {
    for (const row of [...signatures, ...Object.values(observedSignatures)]) {
      expect.soft(row.cause, row.id).toMatch(/^[A-Z].{10,200}\.$/);
      expect.soft(row.fix, row.id).toMatch(/^[A-Z].{8,200}\.$/);
      // A sentence ends once; a figure's point does not count.
      expect.soft(row.cause.match(/[.!?](?= [A-Z]|$)/g), row.id).toHaveLength(1);
    }
    for (const row of signatures) {
      expect.soft(row.seen, row.id).not.toBe("");
      expect.soft(certainty[row.certainty], row.id).toBeGreaterThan(0);
    }
  });

  it("calls only what there is: a tool of the registry, or a known command", () => {
    const known = [...Object.keys(catalog), ...commands];
    for (const { id, call } of calls()) {
      const begins = known.some(
        (name) => call === name || call.startsWith(`${name} `) || call.startsWith(`${name},`),
      );
      expect.soft(begins, `${id}: ${call}`).toBe(true);
    }
  });

  it("looks through an endless line in no time", () => {
    const lines = [
      "a".repeat(60_000),
      "Error: ".repeat(9_000),
      "File ".repeat(9_000),
      "[1]".repeat(20_000),
      "is ".repeat(20_000),
    ];
    const began = performance.now();
    for (const line of lines) {
      analyzeLog(`ValueError: ${line}\n`);
      analyzeLog(
        `${line}\nTraceback (most recent call last):\n  File "a.py", line 1, in x\n${line}\n`,
      );
    }
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});

const commands = ["pip install", "hf auth login", "nvidia-smi"];

function calls(): { id: string; call: string }[] {
  return [...signatures, ...Object.values(observedSignatures)].flatMap((row) =>
    "call" in row && row.call !== undefined ? [{ id: row.id, call: row.call }] : [],
  );
}
