import type { Spool, StreamKey } from "../spool.ts";
import type { FollowedNews } from "../trainers/trainer.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import type { AttemptStop } from "./attempt-stop.ts";
import type { LiveAttempt } from "./live-attempt.ts";

interface Parts {
  readonly journal: AttemptJournal;
  readonly stop: AttemptStop;
}

/** Brings up to date what another program runs, and puts what it tells into the stream. */
export async function askFollowed(
  { followed, memory }: LiveAttempt,
  { journal, stop }: Parts,
  rhythm: { readonly isWatched: boolean; readonly isUrgent: boolean },
): Promise<void> {
  if (followed === null) return;
  const { metricsStep, stopMarker } = memory;
  await followed.refresh({ metricsStep, stopMarker, ...rhythm });
  const before = journal.state();
  for (const news of followed.takeNews()) tell(news, { journal, stop });
  if (journal.state() !== before) journal.commit({ state: journal.state() });
}

function tell(news: FollowedNews, { journal, stop }: Parts): void {
  const state = journal.state();
  switch (news.kind) {
    case "waiting":
      if (state === "starting") journal.say({ state: "queued" });
      return;
    case "stopping":
      // Wanted here already, or told before.
      if (stop.isWanted() || state === "stopping") return;
      journal.say({
        state: "stopping",
        stop: { by: news.by, reason: news.reason, mode: "elsewhere" },
      });
      return;
    case "facts":
      journal.say({ state, evidence: news.evidence });
      return;
    case "item":
      journal.add(news.item);
  }
}

/** An earlier attempt's metrics are still where this one's go; what is newer than its last is this one's. */
export function wallBefore(spool: Spool, { jobId, attempt }: StreamKey): number | null {
  if (attempt === 1) return null;
  const memory = spool.reader({ jobId, attempt: attempt - 1 }) as Partial<AttemptMemory> | null;
  return memory?.metricsWall ?? null;
}
