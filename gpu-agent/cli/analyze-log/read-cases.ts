import { analyzeLog } from "@trainyard/shared/logs/log-reader.ts";
import { type LogTool, logTools } from "@trainyard/shared/logs/log-report.ts";
import { limits } from "@trainyard/shared/limits.ts";

export interface CaseLine {
  /** From 1, as an editor counts. */
  readonly number: number;
  /** The report as one line of JSON; null for a line that is no case. */
  readonly answer: string | null;
  /** Why it is no case. */
  readonly problem: string | null;
}

/** Reads `{"id","tool","log"}` lines and answers each; a bad line does not end the reading, an empty one is none. */
export async function* readCases(
  pieces: AsyncIterable<Uint8Array>,
  tool: LogTool | undefined,
): AsyncGenerator<CaseLine, void> {
  for await (const { number, bytes } of splitLines(pieces)) {
    if (bytes === null) {
      yield problem(number, `is longer than ${limits.logCaseBytes} bytes`);
      continue;
    }
    const text = new TextDecoder().decode(bytes);
    if (text.trim() !== "") yield answer(number, text, tool);
  }
}

function answer(number: number, text: string, toolGiven: LogTool | undefined): CaseLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return problem(number, "is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problem(number, "is not an object");
  }
  const { id, tool, log } = value as { id?: unknown; tool?: unknown; log?: unknown };
  if (typeof id !== "string" && typeof id !== "number") return problem(number, "has no id");
  if (typeof log !== "string") return problem(number, "has no log");
  // A trainer we do not know by name is no reason not to read its log.
  const named = logTools.find((one) => one === tool) ?? toolGiven;
  const report = analyzeLog(log, named === undefined ? {} : { tool: named });
  const line = {
    id,
    outcome: report.outcome,
    category: report.category,
    root_cause_line: report.rootCauseLine,
    last_step: report.lastStep,
    total_steps: report.totalSteps,
    last_loss: report.lastLoss,
    last_lr: report.lastLr,
    last_speed_it_s: report.lastSpeed,
  };
  return { number, answer: JSON.stringify(line), problem: null };
}

function problem(number: number, problem: string): CaseLine {
  return { number, answer: null, problem };
}

/** Only `\n` ends a line: JSON text may hold U+2028, which Node's own line reader would split at. */
async function* splitLines(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ number: number; bytes: Uint8Array | null }, void> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length > limits.logCaseBytes) parts = [];
    // Node may reuse the memory of a piece after it was handed out.
    else parts.push(part.slice());
  };
  const take = (): Uint8Array | null => {
    const bytes = length > limits.logCaseBytes ? null : Buffer.concat(parts);
    parts = [];
    length = 0;
    return bytes;
  };
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      add(piece.subarray(from, end));
      yield { number: number++, bytes: take() };
      from = end + 1;
    }
    add(piece.subarray(from));
  }
  if (length > 0) yield { number, bytes: take() };
}
