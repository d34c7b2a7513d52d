import type { PlanFamilyName } from "./plan-families.ts";

/** What decides how much memory and time one training step takes. */
export interface TrainingLoad {
  readonly family: PlanFamilyName;
  /** Largest side of the square that is trained on, pixels. */
  readonly resolution: number;
  readonly batchSize: number;
  readonly rank: number;
  readonly quantize: boolean;
  readonly lowVram: boolean;
  /** Frames of a clip; 1 for pictures. */
  readonly frames: number;
}

/** Megapixels that pass through the model at once; four frames of a clip are one in the latent space of the video models. */
export function megapixels({ resolution, batchSize, frames }: TrainingLoad): number {
  const latentFrames = 1 + Math.floor(Math.max(0, frames - 1) / 4);
  return (resolution * resolution * batchSize * latentFrames) / 1_000_000;
}

/** How far apart two loads are: 1 is a doubling or a halving. */
export function octavesBetween(a: TrainingLoad, b: TrainingLoad): number {
  return Math.abs(Math.log2(megapixels(a) / megapixels(b)));
}

/** The same family with the same weights on the card: only pixels and rank differ. */
export function sameSetup(a: TrainingLoad, b: TrainingLoad): boolean {
  return a.family === b.family && a.quantize === b.quantize && a.lowVram === b.lowVram;
}

/** A load that needs at least as much memory as the other, whatever the family's numbers are. */
export function atLeastAsHeavy(a: TrainingLoad, b: TrainingLoad): boolean {
  return (
    a.family === b.family &&
    megapixels(a) >= megapixels(b) &&
    a.rank >= b.rank &&
    (!a.quantize || b.quantize) &&
    (!a.lowVram || b.lowVram)
  );
}
