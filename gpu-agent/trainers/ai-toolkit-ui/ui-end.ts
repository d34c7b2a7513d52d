import type { ProcessEnd } from "@trainyard/shared/jobs/conclude.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { UiJob } from "./ui-rows.ts";

/**
 * The process of a UI job as this box sees it. `alive` and `gone`: it was recognised here. `unseen`: the UI runs on this box and
 * no such process is here. `elsewhere`: this box cannot tell.
 */
export type UiProcess = "alive" | "gone" | "unseen" | "elsewhere";

export interface UiFacts {
  /** The newest row; null when the server says that there is none. */
  readonly row: Pick<UiJob, "status" | "stop" | "pid"> | null;
  /** How long the server has said so. */
  readonly statusMs: number;
  readonly process: UiProcess;
  /** How long the process has been gone. */
  readonly goneMs: number;
  /** It was a process in this attempt, not only a place in a queue. */
  readonly began: boolean;
  /** How long the log and the step have stood still. */
  readonly quietMs: number;
  /** How the log's last line says that the process ended. */
  readonly written: ProcessEnd | null;
  /** The log says that it was stopped. */
  readonly stopMarker: boolean;
  /** This box was restarted since the attempt began. */
  readonly rebooted: boolean;
}

export type UiVerdict =
  /** In the UI's queue. */
  | { readonly kind: "waiting" }
  | { readonly kind: "running" }
  /** The row says that it is stopped, and the process may still be there. */
  | { readonly kind: "stopping" }
  | { readonly kind: "ended"; readonly end: ProcessEnd };

/**
 * Whether a UI job has ended, and how. The row alone proves little: `stopped` is written before Python has exited, `running`
 * stays when nobody was left to change it, `stopping` is never written (ui/src/app/api/jobs, ui/cron and DiffusionTrainer.py at
 * 27a03a91). The process and the log decide; where neither can be seen, the row's word is taken as what it is.
 */
export function judgeUi(facts: UiFacts): UiVerdict {
  const { row, process, began } = facts;
  if (row === null) return process === "alive" ? running : ended({ kind: "deleted" });
  switch (row.status) {
    case "queued":
      return began ? judgeTakenBack(facts) : waiting;
    case "stopped":
      if (!began) return ended({ kind: "not-started" });
      if (process === "alive") return stopping;
      // `mark_stopped` empties the pid: a person's word that nothing runs. `stop` does not.
      return (process === "elsewhere" ? facts.stopMarker || row.pid === null : hasLeft(facts)) ||
        facts.written !== null
        ? ended(facts.written ?? reported("stopped"))
        : stopping;
    case "completed":
    case "error":
      return hasLeft(facts) || !began ? ended(facts.written ?? reported(row.status)) : running;
    default:
      return judgeRunning(facts);
  }
}

/**
 * Python exits with 1 when its queue takes it back, as it does when it fails; only its own words tell these apart. They stand
 * before the exit's line and are read a turn later than it where both come at once.
 */
function judgeTakenBack(facts: UiFacts): UiVerdict {
  if (!hasLeft(facts)) return running;
  if (facts.stopMarker || facts.written === null) return ended(reported("queued"));
  return facts.statusMs >= limits.uiExitLineMs ? ended(facts.written) : running;
}

/** The row says that it runs. A row whose process is gone is what the UI shows for ever, unless somebody marks it. */
function judgeRunning(facts: UiFacts): UiVerdict {
  const { process, goneMs, quietMs, rebooted, written } = facts;
  if (process === "alive" || process === "elsewhere") return running;
  const isOver = process === "gone" ? goneMs >= limits.uiSettleMs : quietMs >= limits.uiQuietMs;
  if (!isOver) return running;
  return ended(rebooted ? { kind: "rebooted" } : (written ?? { kind: "vanished" }));
}

/** The row has its last word; whoever started the process needs a moment to write how it exited behind the log. */
function hasLeft({ process, written, statusMs, goneMs }: UiFacts): boolean {
  switch (process) {
    case "alive":
      return statusMs >= limits.uiQuietMs;
    case "gone":
      return written !== null || goneMs >= limits.uiExitLineMs;
    case "unseen":
      return written !== null || statusMs >= limits.uiExitLineMs;
    case "elsewhere":
      return written !== null || statusMs >= limits.uiSettleMs;
  }
}

const waiting = { kind: "waiting" } as const;
const running = { kind: "running" } as const;
const stopping = { kind: "stopping" } as const;

function ended(end: ProcessEnd): UiVerdict {
  return { kind: "ended", end };
}

function reported(status: "completed" | "stopped" | "error" | "queued"): ProcessEnd {
  return { kind: "reported", status };
}

/** What the UI's own starter writes behind a log whose process did not exit with 0 (ui/cron/actions/startJob.ts). */
const terminated =
  /^Job process terminated with (?:exit code (-?\d{1,10})|signal (SIG[A-Z0-9]{1,12}))\.$/;
const disappeared = /^Job process exited unexpectedly\./;

/** From the end of the log; null where its last line says nothing of the kind. */
export function writtenEnd(logEnd: string): ProcessEnd | null {
  const last =
    logEnd
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? "";
  const [, code, signal] = terminated.exec(last) ?? [];
  if (code !== undefined) return { kind: "exited", code: Number(code) };
  if (signal !== undefined) return { kind: "signaled", signal };
  return disappeared.test(last) ? { kind: "vanished" } : null;
}
