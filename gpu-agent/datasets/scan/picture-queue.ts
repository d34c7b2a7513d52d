import type { PictureFacts } from "@trainyard/shared/dataset/dataset-image.ts";
import { isHopeless } from "./picture-index.ts";
import type { PictureIndex } from "./picture-index.ts";
import type { FoundFile } from "./walk.ts";

export interface PictureQueue {
  /** Resolves when these were looked at, or after the time; what is left goes on being looked at. */
  lookAt(folder: string, files: readonly FoundFile[], waitMs: number): Promise<void>;
  /** Pictures decoded at once from now on. */
  setPace(atOnce: number): void;
  isBusy(): boolean;
}

interface Waiting {
  readonly folder: string;
  readonly file: FoundFile;
  readonly done: (() => void)[];
}

/** One picture of a file is decoded once, whoever asks for it meanwhile. */
export function createPictureQueue(
  index: PictureIndex,
  look: (folder: string, path: string) => Promise<PictureFacts>,
  pace: number,
): PictureQueue {
  const waiting = new Map<string, Waiting>();
  let atOnce = pace;
  let running = 0;
  let alone = false;

  /** Null when nothing waits, or what waits has to be alone. */
  const next = (): Waiting | null => {
    if (running >= atOnce || alone) return null;
    for (const [key, one] of waiting) {
      if (running > 0 && index.deaths(one.folder, one.file.path) > 0) continue;
      waiting.delete(key);
      return one;
    }
    return null;
  };
  const pump = (): void => {
    for (let one = next(); one !== null; one = next()) begin(one);
  };
  const begin = (one: Waiting): void => {
    running += 1;
    void work(one).finally(() => {
      running -= 1;
      alone = false;
      for (const done of one.done) done();
      pump();
    });
  };
  const work = async ({ folder, file }: Waiting): Promise<void> => {
    const deaths = index.deaths(folder, file.path);
    if (isHopeless(deaths)) {
      index.keep(folder, file, failed);
      return;
    }
    // Something died in front of this one and maybe others: alone it shows which it was.
    alone = deaths > 0;
    index.takeInHand(folder, file.path);
    index.keep(folder, file, await look(folder, file.path));
  };

  return {
    lookAt(folder, files, waitMs) {
      if (files.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        let left = files.length;
        const timer = setTimeout(resolve, waitMs);
        const done = (): void => {
          left -= 1;
          if (left > 0) return;
          clearTimeout(timer);
          resolve();
        };
        for (const file of files) {
          const key = `${folder}\0${file.path}`;
          const before = waiting.get(key);
          if (before === undefined) waiting.set(key, { folder, file, done: [done] });
          else before.done.push(done);
        }
        pump();
      });
    },
    setPace(most) {
      atOnce = most;
      pump();
    },
    isBusy: () => running > 0 || waiting.size > 0,
  };
}

const failed: PictureFacts = {
  problem: "DECODER_FAILED",
  format: null,
  width: null,
  height: null,
  sha256: null,
  look: null,
};
