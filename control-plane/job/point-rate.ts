import { weightedMedian } from "@trainyard/shared/analysis/loss/weighted-median.ts";

/**
 * Points that follow each other sooner were read in one look: the box looks ten times a second at most
 * (`tailPollWatchedMs`), and takes a millisecond or so for each point of a look.
 */
export const sameLookMs = 25;

/** Fewer looks do not tell a pause from a slow step. */
const leastLooks = 3;

/**
 * Steps per second from when points were read, for the median step; null when it cannot be told. Points read in one look
 * share a time, so the rate is that from one look to the next; weighted by steps, a pause for sampling or saving is one
 * step among many and does not count. `steps` and `atMs` (epoch milliseconds of the box) are parallel and rise.
 */
export function stepWeightedRate(steps: readonly number[], atMs: readonly number[]): number | null {
  const rates: number[] = [];
  const weights: number[] = [];
  let from = 0;
  for (let i = 1; i < steps.length; i += 1) {
    if ((atMs[i] as number) - (atMs[i - 1] as number) < sameLookMs) continue;
    const elapsedMs = (atMs[i] as number) - (atMs[from] as number);
    if (elapsedMs <= 0) continue;
    const done = (steps[i] as number) - (steps[from] as number);
    if (done > 0) {
      rates.push((done * 1_000) / elapsedMs);
      weights.push(done);
    }
    from = i;
  }
  return rates.length < leastLooks ? null : weightedMedian(rates, weights);
}
