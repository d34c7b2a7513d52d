import { limits } from "../../limits.ts";

/** Parallel columns, one entry per block of consecutive usable points. Logarithms are natural. */
export interface LossBlocks {
  readonly startStep: readonly number[];
  readonly endStep: readonly number[];
  readonly points: readonly number[];
  /** Mean and standard deviation of the winsorised log loss. */
  readonly meanLog: readonly number[];
  readonly sdLog: readonly number[];
}

export type BlockDraft = { [K in keyof LossBlocks]: number[] };

/** The part of an aggregate that changes here, in place: its owner made a copy. */
export interface BlockTable {
  blocks: BlockDraft;
  blockPoints: number;
}

export const emptyBlocks: LossBlocks = {
  startStep: [],
  endStep: [],
  points: [],
  meanLog: [],
  sdLog: [],
};

export function draftBlocks(blocks: LossBlocks): BlockDraft {
  return {
    startStep: [...blocks.startStep],
    endStep: [...blocks.endStep],
    points: [...blocks.points],
    meanLog: [...blocks.meanLog],
    sdLog: [...blocks.sdLog],
  };
}

/** Adds one log loss to the open block, or opens the next; a full table is joined in pairs first. */
export function addToBlock(next: BlockTable, step: number, log: number): void {
  const { blocks } = next;
  const open = blocks.points.length - 1;
  if (open < 0 || (blocks.points[open] as number) >= next.blockPoints) {
    if (blocks.points.length >= limits.lossBlocks) {
      halve(next);
      addToBlock(next, step, log);
      return;
    }
    if (open >= 0) roundBlock(blocks, open);
    blocks.startStep.push(step);
    blocks.endStep.push(step);
    blocks.points.push(1);
    blocks.meanLog.push(log);
    blocks.sdLog.push(0);
    return;
  }
  const before = blocks.points[open] as number;
  const mean = blocks.meanLog[open] as number;
  const points = before + 1;
  const distance = log - mean;
  // Welford's update, with the population variance.
  const variance =
    ((blocks.sdLog[open] as number) ** 2 * before + (distance * distance * before) / points) /
    points;
  blocks.points[open] = points;
  blocks.endStep[open] = step;
  blocks.meanLog[open] = mean + distance / points;
  blocks.sdLog[open] = Math.sqrt(variance);
}

/** Joins neighbours in pairs; an odd last one stays as it is, still open. */
function halve(next: BlockTable): void {
  const old = next.blocks;
  const joined = draftBlocks(emptyBlocks);
  for (let i = 0; i < old.points.length; i += 2) {
    copyBlock(joined, old, i);
    if (i + 1 >= old.points.length) continue;
    const at = joined.points.length - 1;
    const [n, m] = [old.points[i] as number, old.points[i + 1] as number];
    const [a, b] = [old.meanLog[i] as number, old.meanLog[i + 1] as number];
    const mean = (n * a + m * b) / (n + m);
    const variance =
      (n * ((old.sdLog[i] as number) ** 2 + (a - mean) ** 2) +
        m * ((old.sdLog[i + 1] as number) ** 2 + (b - mean) ** 2)) /
      (n + m);
    joined.points[at] = n + m;
    joined.endStep[at] = old.endStep[i + 1] as number;
    joined.meanLog[at] = mean;
    joined.sdLog[at] = Math.sqrt(variance);
    roundBlock(joined, at);
  }
  next.blocks = joined;
  next.blockPoints *= 2;
}

export function copyBlock(into: BlockDraft, from: LossBlocks, i: number): void {
  into.startStep.push(from.startStep[i] as number);
  into.endStep.push(from.endStep[i] as number);
  into.points.push(from.points[i] as number);
  into.meanLog.push(from.meanLog[i] as number);
  into.sdLog.push(from.sdLog[i] as number);
}

/** Six decimals of a logarithm are a millionth of the loss: far below any error, and a third of the bytes. */
function roundBlock(blocks: BlockDraft, i: number): void {
  blocks.meanLog[i] = Math.round((blocks.meanLog[i] as number) * 1e6) / 1e6;
  blocks.sdLog[i] = Math.round((blocks.sdLog[i] as number) * 1e6) / 1e6;
}

export function joinUntilFits(next: BlockTable): void {
  while (next.blocks.points.length > limits.lossBlocks) halve(next);
}
