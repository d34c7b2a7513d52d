import { createAiToolkitReader } from "../../logs/ai-toolkit/ai-toolkit-reader.ts";
import { parseBar } from "../../logs/bars/bar.ts";
import type { LogEvent } from "../../logs/ai-toolkit/log-events.ts";
import type { GuardrailRules } from "./guardrails.ts";
import { createReplayJudge, type Replay } from "./replay-judge.ts";

/**
 * Runs a log through the reader and every rule, as the agent does while the job lives. A log has no clock, so time is what
 * the job's own bar says has elapsed; the disk cannot be replayed. The same bytes give the same triggers however they are cut.
 */
export function createReplay(options: {
  /** The bar's description: the config's `name`, exactly. */
  readonly jobName: string;
  readonly rules: GuardrailRules;
}): Replay {
  const { jobName, rules } = options;
  const reader = createAiToolkitReader({ jobName });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const judge = createReplayJudge(rules);
  let rest = "";

  const takeEvent = (event: LogEvent): void => {
    judge.take({ kind: "event", event });
    if (event.kind === "barLoss") {
      judge.take({ kind: "loss", step: event.step, loss: event.loss });
    }
  };

  const readPiece = (piece: string): void => {
    const seconds = parseBar(piece, jobName)?.elapsedSeconds ?? null;
    if (seconds !== null) judge.pass(seconds);
    for (const event of reader.push("stderr", encoder.encode(piece))) takeEvent(event);
    if (piece.endsWith("\n")) judge.nextLine();
  };

  const readText = (text: string): void => {
    rest += text;
    let from = 0;
    for (let at = 0; at < rest.length; at += 1) {
      const code = rest.charCodeAt(at);
      if (code !== 10 && code !== 13) continue;
      readPiece(rest.slice(from, at + 1));
      from = at + 1;
    }
    rest = rest.slice(from);
    if (rest.length < longestPiece) return;
    readPiece(rest);
    rest = "";
  };

  return {
    push(bytes) {
      readText(decoder.decode(bytes, { stream: true }));
      return judge.told();
    },
    end() {
      readText(decoder.decode());
      if (rest !== "") readPiece(rest);
      rest = "";
      for (const event of reader.end()) takeEvent(event);
      return judge.told();
    },
    state: judge.state,
    lines: judge.lines,
    losses: judge.losses,
    found: () => judge.state().step !== null,
  };
}

/** A run without a separator is handed on here, as the reader does itself. */
const longestPiece = 64 * 1024;
