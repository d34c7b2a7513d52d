import type { JobState } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { Item, StateItem } from "@trainyard/shared/protocol/items.ts";
import type { SpoolChange } from "../spool.ts";
import { isDiskFull } from "../spool/database.ts";
import { pushPoint } from "./attempt-memory.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { LiveAttempt } from "./live-attempt.ts";
import type { MetricRow } from "./metrics-db.ts";

/** What the attempt has to say, collected until it is committed together with where reading stands. */
export interface AttemptJournal {
  state(): JobState;
  add(item: Item): void;
  addPoint(row: MetricRow): void;
  /** A new state, or a fact about the one it is in. */
  say(item: Omit<StateItem, "kind" | "atMs"> & { readonly atMs?: number }): void;
  /** Something was read that only the memory holds. */
  touch(): void;
  /** There is something to commit. */
  hasNews(): boolean;
  /** False when the disk is full: everything is kept for the next commit. */
  commit(change?: SpoolChange["attempt"]): boolean;
  commitIfDue(): void;
  /** The last commit found the disk full. */
  isStalled(): boolean;
}

const urgentKinds: ReadonlySet<Item["kind"]> = new Set([
  "state",
  "alert",
  "artifact",
  "gap",
  "checkpoint",
]);

/** `snapshot` brings the memory up to what was read and returns it. */
export function createJournal(
  { key, environment }: Pick<LiveAttempt, "key" | "environment">,
  firstState: JobState,
  snapshot: () => AttemptMemory,
): AttemptJournal {
  const { spool, time, log } = environment;
  let state = firstState;
  let pending: Item[] = [];
  let patch: NonNullable<SpoolChange["attempt"]> = {};
  let dirty = false;
  let stalled = false;
  let lastCommitAt = Number.NEGATIVE_INFINITY;
  const isUrgent = (): boolean => pending.some((item) => urgentKinds.has(item.kind));

  const commit = (change?: SpoolChange["attempt"]): boolean => {
    patch = { ...patch, ...change };
    try {
      spool.commit(key, { items: pending, reader: snapshot(), attempt: patch });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // Nothing is lost: the log is on disk, and reading goes on where the last commit stands.
      if (!stalled) log("error", "the spool cannot be written: the disk is full", { ...key });
      stalled = true;
      return false;
    }
    const urgent = isUrgent();
    const grew = pending.length > 0;
    pending = [];
    patch = {};
    dirty = false;
    stalled = false;
    lastCommitAt = time.monotonic();
    if (grew) environment.onCommitted(key, urgent);
    return true;
  };
  const hasNews = (): boolean => dirty || pending.length > 0;

  return {
    state: () => state,
    add: (item) => void pending.push(item),
    addPoint: (row) => pushPoint(pending, row, time.now()),
    say(item) {
      pending.push({ kind: "state", atMs: time.now(), ...item });
      state = item.state;
    },
    touch: () => void (dirty = true),
    hasNews,
    commit,
    commitIfDue() {
      const due = time.monotonic() - lastCommitAt >= limits.spoolCommitMs;
      if (hasNews() && (due || isUrgent())) commit();
    },
    isStalled: () => stalled,
  };
}
