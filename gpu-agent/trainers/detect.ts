import type { Trainer, TrainerFact } from "./trainer.ts";

export interface Trainers {
  get(name: string): Trainer | null;
  /** What this box says about every trainer, found or not. */
  facts(): Promise<readonly TrainerFact[]>;
}

/** `known`: what an attempt of before may name, though nothing new is begun with it. */
export function createTrainers(
  available: readonly Trainer[],
  known: readonly Trainer[] = [],
): Trainers {
  const byName = new Map([...known, ...available].map((trainer) => [trainer.name, trainer]));
  return {
    get: (name) => byName.get(name) ?? null,
    facts: () => Promise.all(available.map((trainer) => trainer.detect())),
  };
}
