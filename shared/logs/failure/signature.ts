import type { FailureCategory } from "../log-report.ts";

/**
 * How surely a row names the cause and not one of its consequences. Among what a failed run left behind the highest wins,
 * and of equals the last: the exception nearest to what ended the run says most.
 */
export const certainty = {
  /** Names the cause itself and nothing else: a full disk, a gated repository. */
  exact: 6,
  strong: 5,
  /** Names the cause, but other faults can end with the same words. */
  likely: 4,
  /** How it was noticed: a connection that failed. */
  symptom: 3,
  /** Only the kind of exception and the place it was raised in. */
  place: 2,
  /** A library's sentence around somebody else's exception. */
  wrapper: 1,
} as const;
type Certainty = keyof typeof certainty;

/** One row of the table of signatures: what to see, what it means, what to do, where it was seen. */
export interface Signature {
  /** Stable; it is printed and counted. */
  readonly id: string;
  readonly category: Exclude<FailureCategory, "none">;
  readonly certainty: Certainty;
  /** Looked for in an exception's own line and in the lines of its message. */
  readonly see: RegExp;
  /** Looked for in the last frames of the traceback (`path in function`, newest first), when the words alone say too little. */
  readonly raisedIn?: RegExp;
  /** Counts on any line, not only on an exception's: the kernel, a shell and a launcher print no traceback. */
  readonly anyLine?: true;
  /** What it spoils when the run goes on all the same. */
  readonly spoils?: true;
  /** One sentence. No text of the log goes into it. */
  readonly cause: string;
  /** One thing to do. */
  readonly fix: string;
  /** The tool call or command that does it. */
  readonly call?: string;
  /** `run`: a local run of the trainer; a number: an issue of ostris/ai-toolkit; else the project and issue, or the library whose source prints it. */
  readonly seen: string;
}
