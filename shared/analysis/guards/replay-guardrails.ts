import { createAiToolkitReader } from "../../logs/ai-toolkit/ai-toolkit-reader.ts";
import { parseBar } from "../../logs/bars/bar.ts";
import { freshGuardrailState, longestTickMs, observe } from "./guardrails.ts";
import type { GuardrailRules, GuardrailState, Observation, Trigger } from "./guardrails.ts";

/** Where in the log a rule fired. */
export interface ReplayedTrigger extends Trigger {
  /** 1-based, counted by newlines: the line an editor shows. */
  readonly line: number;
  /** What the job's own bar showed as elapsed, in seconds. */
  readonly elapsedSeconds: number;
}

export interface Replay {
  push(bytes: Uint8Array): readonly ReplayedTrigger[];
  /** Reads the unfinished last line. */
  end(): readonly ReplayedTrigger[];
  state(): GuardrailState;
  /** Lines begun so far. */
  lines(): number;
}

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
  let state = freshGuardrailState;
  let rest = "";
  let line = 1;
  let elapsedSeconds = 0;

  const take = (observation: Observation, told: ReplayedTrigger[]): void => {
    const judged = observe(rules, state, observation);
    state = judged.state;
    for (const trigger of judged.triggers) told.push({ ...trigger, line, elapsedSeconds });
  };

  /** The agent looks twice a second; here the clock goes in steps that count whole. */
  const pass = (seconds: number, told: ReplayedTrigger[]): void => {
    const goal = Math.min(seconds, elapsedSeconds + longestReplaySeconds);
    while (elapsedSeconds < goal) {
      const stepMs = Math.min(longestTickMs, (goal - elapsedSeconds) * 1_000);
      elapsedSeconds += stepMs / 1_000;
      take({ kind: "tick", elapsedMs: stepMs, ranMs: elapsedSeconds * 1_000, disk: null }, told);
    }
    elapsedSeconds = seconds;
  };

  const readPiece = (piece: string, told: ReplayedTrigger[]): void => {
    const seconds = parseBar(piece, jobName)?.elapsedSeconds ?? null;
    // A bar that starts again is another run in the same file.
    if (seconds !== null && seconds < elapsedSeconds) elapsedSeconds = seconds;
    if (seconds !== null) pass(seconds, told);
    for (const event of reader.push("stderr", encoder.encode(piece))) {
      take({ kind: "event", event }, told);
      if (event.kind === "barLoss")
        take({ kind: "loss", step: event.step, loss: event.loss }, told);
    }
    if (piece.endsWith("\n")) line += 1;
  };

  const readText = (text: string, told: ReplayedTrigger[]): void => {
    rest += text;
    let from = 0;
    for (let at = 0; at < rest.length; at += 1) {
      const code = rest.charCodeAt(at);
      if (code !== 10 && code !== 13) continue;
      readPiece(rest.slice(from, at + 1), told);
      from = at + 1;
    }
    rest = rest.slice(from);
    if (rest.length < longestPiece) return;
    readPiece(rest, told);
    rest = "";
  };

  return {
    push(bytes) {
      const told: ReplayedTrigger[] = [];
      readText(decoder.decode(bytes, { stream: true }), told);
      return told;
    },
    end() {
      const told: ReplayedTrigger[] = [];
      readText(decoder.decode(), told);
      if (rest !== "") readPiece(rest, told);
      rest = "";
      for (const event of reader.end()) {
        take({ kind: "event", event }, told);
        if (event.kind === "barLoss")
          take({ kind: "loss", step: event.step, loss: event.loss }, told);
      }
      return told;
    },
    state: () => state,
    lines: () => line,
  };
}

/** A day: one look at the rules costs little, but a forged clock must not make endless ones. */
const longestReplaySeconds = 86_400;
/** A run without a separator is handed on here, as the reader does itself. */
const longestPiece = 64 * 1024;
