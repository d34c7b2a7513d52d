import type { ExitFacts, FailureCategory, LogOutcome } from "../log-report.ts";
import { type EvidenceState, isSpoilt, type Suspect } from "./evidence.ts";
import { certainty } from "./signature.ts";
import { signatureById } from "./signatures.ts";
import { observedSignatures } from "./system-signatures.ts";

/** One cause, one sentence, one fix. */
export interface Verdict {
  readonly outcome: LogOutcome;
  readonly category: FailureCategory;
  readonly rootCauseLine: string | null;
  readonly cause: string | null;
  readonly fix: string | null;
  readonly call: string | null;
  readonly signature: string | null;
}

/** What stands still at the log's end, in the line that shows it. */
export interface Frozen {
  readonly what: "frozenDownload" | "frozenBar";
  readonly line: string;
}

/**
 * Judges what was collected. A failure is what was said after the last sign of life, or what the process itself proves;
 * what the run got over only spoils it where the table says so.
 */
export function judge(
  evidence: EvidenceState,
  frozen: Frozen | null,
  exit: ExitFacts = {},
): Verdict {
  const surest = surestOf(evidence.suspects);
  if (surest && isFatal(surest, exit)) {
    return failed(explained(surest, evidence));
  }
  const ended = endedBy(exit);
  if (ended) return ended;
  if (evidence.nan) return degraded(observedSignatures.nan, evidence.nan.line);
  const spoilt =
    evidence.survived.find((one) => isSpoilt(one) && certaintyOf(one) > certainty.wrapper) ??
    evidence.survived.find(isSpoilt);
  const row = spoilt && signatureById.get(spoilt.row);
  if (spoilt && row) return degraded(row, spoilt.line);
  if (surest && !isInterruption(surest)) return { ...failed(surest), outcome: "degraded" };
  if (frozen) return degraded(observedSignatures[frozen.what], frozen.line);
  return healthy;
}

const healthy: Verdict = {
  outcome: "healthy",
  category: "none",
  rootCauseLine: null,
  cause: null,
  fix: null,
  call: null,
  signature: null,
};

/** The surest; of equals the last, for it is the nearest to what ended the run. */
function surestOf(suspects: readonly Suspect[]): Suspect | null {
  const most = Math.max(...suspects.map((one) => one.certainty));
  const best = suspects.findLast((one) => one.certainty === most);
  if (!best) return null;
  return suspects.find((one) => isSame(one, best)) ?? best;
}

/** Several processes say the same, with other numbers: the first of them was first. */
function isSame(one: Suspect, best: Suspect): boolean {
  return (
    one.row === best.row &&
    one.certainty === best.certainty &&
    one.line.replaceAll(/\d+/g, "#") === best.line.replaceAll(/\d+/g, "#")
  );
}

/** A trainer that ended well has got over what it printed; an interruption that was asked for is no fault. */
function isFatal(suspect: Suspect, { exitCode, stopWanted }: ExitFacts): boolean {
  return isInterruption(suspect) ? stopWanted !== true : exitCode !== 0;
}

function isInterruption({ row }: Suspect): boolean {
  return row !== null && signatureById.get(row)?.category === "killed";
}

/** A dataset is empty for a reason when every picture was refused before: that reason is the cause. */
function explained(surest: Suspect, { survived, suspects }: EvidenceState): Suspect {
  if (surest.row === null || signatureById.get(surest.row)?.category !== "dataset_empty") {
    return surest;
  }
  const reasons = [...survived, ...suspects].filter(({ row }) => {
    const category = signatureById.get(row ?? "")?.category;
    return category === "dataset_corrupt" || category === "permission";
  });
  const most = Math.max(...reasons.map(certaintyOf));
  const reason = reasons.find((one) => certaintyOf(one) === most);
  return reason ? { line: reason.line, row: reason.row, certainty: certainty.strong } : surest;
}

function certaintyOf({ row }: { readonly row: string | null }): number {
  const known = signatureById.get(row ?? "");
  return known ? certainty[known.certainty] : 0;
}

function failed({ line, row }: Suspect): Verdict {
  const known = row === null ? null : (signatureById.get(row) ?? null);
  return {
    outcome: "failed",
    category: known?.category ?? "unknown_exception",
    rootCauseLine: line.trim(),
    cause: known?.cause ?? "The trainer ended with an error that no known cause explains.",
    fix: known?.fix ?? "Read the lines around it; they name the part of the trainer that gave up.",
    call: known ? (known.call ?? null) : "get-training-logs",
    signature: known?.id ?? null,
  };
}

interface Row {
  readonly id: string;
  readonly category: FailureCategory;
  readonly cause: string;
  readonly fix: string;
  readonly call?: string;
}

function degraded(row: Row, line: string): Verdict {
  return { ...described(row, "degraded"), rootCauseLine: line.trim() };
}

function described(row: Row, outcome: LogOutcome): Verdict {
  return {
    outcome,
    category: row.category,
    rootCauseLine: null,
    cause: row.cause,
    fix: row.fix,
    call: row.call ?? null,
    signature: row.id,
  };
}

/** What the process proves when its log says nothing. */
function endedBy({ exitCode, signal, killedForMemory, stopWanted }: ExitFacts): Verdict | null {
  const byId = (id: string): Verdict | null => {
    const row = signatureById.get(id);
    return row ? described(row, "failed") : null;
  };
  if (killedForMemory) return byId("kernel-oom-killer");
  if (stopWanted) return null;
  const named = signal ?? signalOf(exitCode);
  if (named !== null) return byId(faultSignals.has(named) ? "fault-signal" : "shell-killed");
  if (exitCode === null || exitCode === undefined || exitCode === 0) return null;
  return {
    ...failed({ line: "", row: null, certainty: 0 }),
    rootCauseLine: null,
    cause: "The trainer ended with an error and printed no reason.",
  };
}

/** A shell's 128 + n. */
function signalOf(exitCode: number | null | undefined): string | null {
  return signalNumbers.get(exitCode ?? 0) ?? null;
}

const faultSignals: ReadonlySet<string> = new Set([
  "SIGSEGV",
  "SIGABRT",
  "SIGBUS",
  "SIGILL",
  "SIGFPE",
]);
const signalNumbers: ReadonlyMap<number, string> = new Map([
  [129, "SIGHUP"],
  [130, "SIGINT"],
  [132, "SIGILL"],
  [134, "SIGABRT"],
  [135, "SIGBUS"],
  [136, "SIGFPE"],
  [137, "SIGKILL"],
  [139, "SIGSEGV"],
  [143, "SIGTERM"],
]);
