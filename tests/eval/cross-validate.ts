import type { LogReport } from "../../shared/logs/log-report.ts";
import { type CaseScore, type LogCase, scoreCase } from "./score.ts";

export interface CrossScore extends CaseScore {
  /** The other half holds a log of the same category, so that it could have taught it at all. */
  readonly taught: boolean;
}

export type Analyze = (labelled: LogCase, withoutRows?: ReadonlySet<string>) => LogReport;

/**
 * Each half is read without the rows that only this half could have taught: those that decide in one of its cases and in
 * none of the other half's. What is left is what a table written from the other half would know (and what was known
 * without any case, which decides nowhere and stays). Every case is scored once.
 */
export function crossValidate(
  cases: readonly LogCase[],
  seed: number,
  analyze: Analyze,
): CrossScore[] {
  const halves: [LogCase[], LogCase[]] = [[], []];
  for (const one of cases) halves[hash(`${seed}:${one.id}`) % 2 === 0 ? 0 : 1].push(one);
  const deciding = halves.map(
    (half) => new Set(half.flatMap((one) => analyze(one).signature ?? [])),
  );
  return halves.flatMap((half, index) => {
    const others = deciding[1 - index] ?? new Set<string>();
    const unknown = new Set([...(deciding[index] ?? [])].filter((row) => !others.has(row)));
    const taught = new Set(halves[1 - index]?.map(({ expect }) => expect.category));
    return half.map((one) => ({
      ...scoreCase(one, analyze(one, unknown)),
      taught: taught.has(one.expect.category),
    }));
  });
}

/** FNV-1a with a last mix, so that one seed's halves say nothing about the next one's. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x0100_0193);
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b_3c6d);
  value ^= value >>> 12;
  return value >>> 0;
}
