import type { Trainer, TrainerFact } from "./trainer.ts";

export interface Trainers {
  get(name: string): Trainer | null;
  /** What this box says about every trainer, found or not. */
  facts(): Promise<readonly TrainerFact[]>;
}

/** Named so that a box can say why a config does not run on it. */
const notYet = ["ai-toolkit"] as const;

export function createTrainers(available: readonly Trainer[]): Trainers {
  const byName = new Map(available.map((trainer) => [trainer.name, trainer]));
  return {
    get: (name) => byName.get(name) ?? null,
    facts: async () => [
      ...(await Promise.all(available.map((trainer) => trainer.detect()))),
      ...notYet
        .filter((name) => !byName.has(name))
        .map((name) => ({
          name,
          found: false,
          version: null,
          reason: "not supported by this version yet",
        })),
    ],
  };
}
