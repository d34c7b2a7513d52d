/** Steps, rank and learning rate by goal and number of pictures: convention, written as tables the guide prints too. */
import type { GoalProfile } from "./advice.ts";
import type { PlanFamily } from "./plan-families.ts";

/** Whole words: `lifestyle` is no style and `logotype` no logo (peers 2.11 looked for parts of words). First match wins. */
const goalWords: readonly (readonly [GoalProfile, RegExp])[] = [
  ["style", /\b(?:styles?|stylized|stylised|aesthetics?|look|paintings?|illustrations?|art)\b/i],
  [
    "character",
    /\b(?:characters?|persons?|people|faces?|portraits?|avatars?|likeness|selfies?|man|woman|girl|boy|dog|cat|pet|mascot)\b/i,
  ],
  [
    "object",
    /\b(?:objects?|products?|items?|logos?|packaging|furniture|vehicles?|cars?|bottles?|shoes?)\b/i,
  ],
];

export function goalProfile(goal: string): GoalProfile {
  return goalWords.find(([, words]) => words.test(goal))?.[0] ?? "general";
}

/** Pictures and the steps usual for them; between two rows it goes by the logarithm, so no picture more doubles the run. */
export const stepsByImages: readonly (readonly [images: number, steps: number])[] = [
  [1, 500],
  [10, 900],
  [20, 1_300],
  [50, 1_800],
  [100, 2_400],
  [500, 3_600],
  [2_000, 5_000],
  [10_000, 6_000],
];
/** For a dataset that nobody counted. */
const stepsUnknown = 1_500;
const stepsRoundedTo = 50;
export const stepsMin = 250;

/** Optimiser steps; a larger batch needs fewer, by the square root of its size (a convention too). */
export function stepsFor(images: number | null, batchSize: number): number {
  const one = images === null || images < 1 ? stepsUnknown : interpolate(images);
  return roundedSteps(one / Math.sqrt(Math.max(1, batchSize)));
}

export function roundedSteps(steps: number): number {
  return Math.max(stepsMin, Math.round(steps / stepsRoundedTo) * stepsRoundedTo);
}

function interpolate(images: number): number {
  let [left] = stepsByImages;
  for (const row of stepsByImages) {
    if (images <= row[0]) {
      if (left === undefined || left[0] === row[0]) return row[1];
      const part = Math.log(images / left[0]) / Math.log(row[0] / left[0]);
      return left[1] + part * (row[1] - left[1]);
    }
    left = row;
  }
  return left?.[1] ?? stepsUnknown;
}

export const rankByGoal: Readonly<Record<GoalProfile, number>> = {
  style: 32,
  character: 24,
  object: 16,
  general: 16,
};
/** Below so many pictures the rank is halved, not under `rankMin`. */
export const fewImagesForRank = 30;
export const rankMin = 8;
/** Below so many the lower learning rate is used. */
export const fewImagesForRate = 50;

export function rankFor(goal: GoalProfile, images: number | null): number {
  const rank = rankByGoal[goal];
  return images !== null && images < fewImagesForRank ? Math.max(rankMin, rank / 2) : rank;
}

export function learningRateFor(family: PlanFamily, images: number | null): number {
  return images !== null && images < fewImagesForRate
    ? family.learningRateFewImages
    : family.learningRate;
}
