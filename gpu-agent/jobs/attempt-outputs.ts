import type { AttemptJournal } from "./attempt-journal.ts";
import { rememberAnnounced } from "./attempt-memory.ts";
import { checkpointItems, sampleItems } from "./conclude-attempt.ts";
import type { LiveAttempt } from "./live-attempt.ts";

/** Says of each file that the trainer wrote that it is there, once. */
export interface AttemptOutputs {
  /** `last`: nothing is being written any more, so a broken file is said to be broken. */
  announceCheckpoints(last: boolean): void;
  announceSamples(): void;
  /** The same, at most once a second: folders of samples grow to thousands. */
  lookForSamples(): void;
}

const sampleLookMs = 1_000;

export function createAttemptOutputs(
  { trainer, spec, place, memory, createdAtMs, environment }: LiveAttempt,
  journal: AttemptJournal,
): AttemptOutputs {
  const { time } = environment;
  const outputs = () => ({ place: place(), training: spec.training, memory, createdAtMs });
  let samplesSeenAt = 0;
  const announceSamples = (): void => {
    for (const item of sampleItems(trainer, { ...outputs(), nowMs: time.now() })) {
      journal.add(item);
      memory.sampleMark = { step: item.step, index: item.index };
    }
  };
  return {
    announceCheckpoints(last) {
      const files = checkpointItems(trainer, { ...outputs(), nowMs: time.now(), last });
      for (const { item, name } of files) {
        journal.add(item);
        rememberAnnounced(memory, name);
        memory.checkpointBytes = Math.max(memory.checkpointBytes ?? 0, item.bytes);
      }
    },
    announceSamples,
    lookForSamples() {
      if (time.monotonic() - samplesSeenAt < sampleLookMs) return;
      samplesSeenAt = time.monotonic();
      announceSamples();
    },
  };
}
