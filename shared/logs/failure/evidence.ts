import { withoutLauncher } from "../launcher-prefix.ts";
import { certainty } from "./signature.ts";
import { signatureById, signatureOf } from "./signatures.ts";
import {
  outsideTraceback,
  readTracebackLine,
  type TracebackState,
  withoutLogger,
} from "./tracebacks.ts";

/** A line that may name why the run ended. */
export interface Suspect {
  /** As it stands in the log. */
  readonly line: string;
  /** Id of its signature; null for an exception that no row knows. */
  readonly row: string | null;
  readonly certainty: number;
  /** It stands in a fenced block of text that is still open: should the block be closed, it was only shown. */
  readonly shown?: true;
}

/** Lines of one kind that the run got over, with the first of them. */
export interface Survived {
  readonly row: string;
  readonly line: string;
  count: number;
}

/** What a log has said about failing so far: plain JSON, bounded, whatever the log does. */
export interface EvidenceState {
  traceback: TracebackState;
  /** What was said since the run last showed life; empty means that nothing ended it. */
  suspects: Suspect[];
  survived: Survived[];
  /** How surely the newest exception's own line named its cause. */
  named: number;
  /** The next traceback is one Python itself calls ignored. */
  ignoring: boolean;
  /** That something optional is missing was said in the last line, or before the traceback that is being read. */
  optional: "said" | "raised" | null;
  /** Lines since a fence of three backticks opened a block of text; null outside of one. */
  fenced: number | null;
  nan: { line: string; count: number } | null;
}

export function noEvidence(): EvidenceState {
  return {
    traceback: { ...outsideTraceback, frames: [] },
    suspects: [],
    survived: [],
    named: 0,
    ignoring: false,
    optional: null,
    fenced: null,
    nan: null,
  };
}

/** Takes one line that is no bar. Returns whether it belongs to an error's report. */
export function readEvidence(
  raw: string,
  state: EvidenceState,
  without?: ReadonlySet<string>,
): boolean {
  const text = withoutLevel(withoutLauncher(withoutLogger(raw, state.traceback)));
  if (readFence(text, state)) return true;
  const missing = state.optional;
  if (missing !== "raised") state.optional = saidOptional.test(text) ? "said" : null;
  if (text.startsWith("Exception ignored in")) {
    state.ignoring = true;
    return true;
  }
  const jobError = jobErrorLine.exec(text);
  // Of a message in the report this line repeats the end, without the exception's name.
  const kind = jobError ? "exception" : readTracebackLine(text, state.traceback);
  if (kind === "head") {
    // A log may break off in its frames: that something was raised is then all it says.
    if (!state.ignoring) suspect(state, suspectOf(raw, null, unfinished));
    if (missing !== null) state.optional = missing === "said" ? "raised" : null;
    return true;
  }
  if (kind === "frame" || kind === "link") return true;
  const ofException = kind === "exception" || kind === "message";
  if (kind === "exception" && missing === "raised") {
    state.optional = null;
    if (!jobError && missingModule.test(text)) {
      state.suspects.splice(
        state.suspects.findLastIndex((one) => one.certainty === unfinished),
        1,
      );
      state.traceback.place = "outside";
      return true;
    }
  }
  const ignored = state.ignoring && ofException;
  if (ignored && kind === "exception") {
    state.ignoring = false;
    state.traceback.place = "outside";
  }
  const error = ofException ? null : errorLine.exec(text);
  if (!ofException && !error && (harmless.test(text) || printed.test(text))) return false;
  const row = signatureOf(
    {
      text: error ? (error[1] ?? "") : text,
      ofException: ofException || error !== null,
      frames: jobError || error ? "" : state.traceback.frames.join("\n"),
    },
    without,
  );
  // A message has no end of its own: what follows may be the run going on.
  if (!row && kind !== "exception") return false;
  const sure = row ? certainty[row.certainty] : 0;
  // Raised while Python tidied up: it counts only as another witness of what was said before.
  if (ignored && !state.suspects.some((one) => one.row !== null && one.row === row?.id))
    return true;
  // A launcher's or a trainer's word that something failed says less than any exception; it may stand right behind one.
  const wraps = kind !== "exception" && row?.certainty === "wrapper" && row.anyLine === true;
  // What an exception's message repeats of its name is no second witness.
  if (kind === "message" && !wraps && sure <= state.named) return true;
  if (kind === "exception") state.named = sure;
  // The exception's own line says the same with its name; of two equals that one is wanted.
  const echo = wraps ? 1.5 : jobError || error ? 0.5 : ofException ? 0 : 0.25;
  suspect(state, suspectOf(raw, row?.id ?? null, sure - echo));
  return true;
}

/** The run went on: whatever was said before did not end it. */
export function showLife(state: EvidenceState): void {
  state.traceback.place = "outside";
  state.fenced = null;
  state.optional = null;
  if (state.suspects.length === 0) return;
  for (const { row, line } of state.suspects) {
    if (row === null) continue;
    const known = state.survived.find((one) => one.row === row);
    if (known) known.count++;
    else if (state.survived.length < survivedKinds) {
      state.survived.push({ row, line: line.slice(0, survivedCharacters), count: 1 });
    }
  }
  state.suspects = [];
}

/** A number that is none, in the line that shows it. */
export function noteNan(line: string, state: EvidenceState): void {
  if (state.nan) state.nan.count++;
  else state.nan = { line: keptLine(line, lineCharacters), count: 1 };
}

export function isSpoilt({ row }: Survived): boolean {
  return signatureById.get(row)?.spoils === true;
}

/**
 * A sample's text may hold anybody's code and reports in a block between fences. What the block said is forgotten where
 * it is closed; one that stays open hides nothing, for the run may have ended in it.
 */
function readFence(text: string, state: EvidenceState): boolean {
  const language = text.includes(fence) ? fenceLine.exec(text)?.[1] : undefined;
  if (language === undefined) {
    if (state.fenced !== null && ++state.fenced > longestBlock) state.fenced = null;
    return false;
  }
  if (state.fenced === null) state.fenced = 0;
  else if (language === "") {
    state.fenced = null;
    state.traceback.place = "outside";
    state.suspects = state.suspects.filter(({ shown }) => shown !== true);
  }
  return true;
}

function suspect(state: EvidenceState, one: Suspect): void {
  state.suspects.push(state.fenced === null ? one : { ...one, shown: true });
  if (state.suspects.length <= keptSuspects) return;
  // The surest is wanted in the end, of equals the last or the first like it; of the rest the oldest says least.
  let least = 1;
  for (let at = 2; at < state.suspects.length - 1; at++) {
    if ((state.suspects[at]?.certainty ?? 0) < (state.suspects[least]?.certainty ?? 0)) least = at;
  }
  state.suspects.splice(least, 1);
}

function suspectOf(raw: string, row: string | null, sure: number): Suspect {
  return { line: keptLine(raw, lineCharacters), row, certainty: sure };
}

/** Bounded also as JSON, where a control character takes six. */
function keptLine(line: string, characters: number): string {
  return line.slice(0, characters).replaceAll(controls, " ");
}

/** A logger's time and level before an exception's name. */
function withoutLevel(text: string): string {
  return errorLevel.test(text) ? text.replace(errorLevel, "") : text;
}

const errorLevel =
  /^\d{4}-\d\d-\d\d[T ][\d:.,]+\S* (?:- )?(?:\S+ ){0,3}?(?:ERROR|CRITICAL)[: -]+(?=[\w.]{1,100}(?:Error|Exception|Interrupt)\b)/;
/** What a trainer says as an error without raising one: `12:00:01 ERROR    No data found`. */
const errorLine =
  /^\s*(?:\[?[\d\-/:., T]{8,32}\]?[ |-]{1,3})?\[?(?:ERROR|CRITICAL|FATAL)\]?(?!: pip)[ :|\]-]+(.*)$/;
/** Less than an exception that no row knows. */
const unfinished = -1;
const jobErrorLine = /^Error running job: (.*)$/s;
/** A config that is printed, with anybody's prompts in it; what is called a warning by whoever wrote it. */
const harmless = /^\s+["'[{]|Warning: |\bWARN(?:ING)?\b|\btensorflow\/|\bexternal\/local_/;
/** Source code, a prompt, a quote, text set in; what PyTorch, C++ and launchers set in is their report. */
const printed =
  /^\s*(?:>>>|>\s|\.\.\.\s|["“`]|'(?!\S{1,100} is not recognized)|raise\s+\w|assert\s|except[\s:]|print\()|^(?!\s*(?:size mismatch for|exitcode|traceback|what\(\)|Signal \d|\[))(?:\t| {4})/;
const saidOptional =
  /\bA matching \w{1,40} is not available\b|\b(?:is|are) not (?:available|installed)\b.{0,60}\b(?:optimi[sz]ations?|optional|disabled|fall(?:ing|s)? back)\b/i;
const missingModule = /^(?:ModuleNotFoundError|ImportError)\b/;
const fence = "```";
const fenceLine = /(?:^|\s)```([\w+-]{0,20})\s*$/;
/** Lines; a sample's block is shorter, and a fence without its other end must not count for long. */
const longestBlock = 200;
const lineCharacters = 1_500;
const survivedCharacters = 500;
const keptSuspects = 8;
const survivedKinds = 24;
// oxlint-disable-next-line no-control-regex -- these characters are what it looks for
const controls = /[\u0000-\u0008\u000b-\u001f]/g;
