import type { MetricsItem } from "../protocol/items.ts";
import { fromWireValue } from "../protocol/items.ts";

/**
 * All series of one attempt in columns: one row per step, one column per key. The open segment lives in the job's head
 * row; a full one is sealed and never written again. Binary, because a point then costs its numbers and nothing else.
 */
export interface Segment {
  readonly steps: number[];
  readonly atMs: number[];
  /** `null` = this key has no value at this step. NaN is a value. */
  readonly values: Map<string, (number | null)[]>;
}

export function emptySegment(): Segment {
  return { steps: [], atMs: [], values: new Map() };
}

/** Appends in place: the open segment belongs to its owner, and copying it for every frame would be the cost. */
export function appendMetrics(segment: Segment, item: MetricsItem, maxKeys: number): void {
  const before = segment.steps.length;
  for (let i = 0; i < item.steps.length; i += 1) {
    segment.steps.push(item.steps[i] as number);
    segment.atMs.push(item.atMs[i] as number);
  }
  for (const [key, wire] of Object.entries(item.values)) {
    let column = segment.values.get(key);
    if (column === undefined) {
      if (segment.values.size >= maxKeys) continue;
      column = Array.from<number | null>({ length: before }).fill(null);
      segment.values.set(key, column);
    }
    for (const value of wire) column.push(fromWireValue(value));
  }
  for (const column of segment.values.values()) {
    while (column.length < segment.steps.length) column.push(null);
  }
}

const magic = 0x54_59_53_31; // "TYS1"

/**
 * Layout, little endian: magic u32, rows u32, keys u32, header bytes u32, header = JSON array of keys, padding to 8;
 * then steps f64[rows], atMs f64[rows]; then for each key f64[rows] and a presence byte per row, padded to 8.
 */
export function encodeSegment(segment: Segment): ArrayBuffer {
  const rows = segment.steps.length;
  const keys = [...segment.values.keys()];
  const header = new TextEncoder().encode(JSON.stringify(keys));
  const headerBytes = pad8(header.byteLength);
  const presentBytes = pad8(rows);
  const total = 16 + headerBytes + rows * 16 + keys.length * (rows * 8 + presentBytes);
  const buffer = new ArrayBuffer(total);
  const view = new DataView(buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, rows, true);
  view.setUint32(8, keys.length, true);
  view.setUint32(12, header.byteLength, true);
  new Uint8Array(buffer, 16, header.byteLength).set(header);
  let at = 16 + headerBytes;
  new Float64Array(buffer, at, rows).set(segment.steps);
  at += rows * 8;
  new Float64Array(buffer, at, rows).set(segment.atMs);
  at += rows * 8;
  for (const key of keys) {
    const column = segment.values.get(key) as (number | null)[];
    const numbers = new Float64Array(buffer, at, rows);
    const present = new Uint8Array(buffer, at + rows * 8, rows);
    for (let i = 0; i < rows; i += 1) {
      const value = column[i] as number | null;
      if (value === null) continue;
      numbers[i] = value;
      present[i] = 1;
    }
    at += rows * 8 + presentBytes;
  }
  return buffer;
}

export function decodeSegment(buffer: ArrayBuffer): Segment {
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== magic) throw new Error("not a series segment");
  const rows = view.getUint32(4, true);
  const keyCount = view.getUint32(8, true);
  const headerLength = view.getUint32(12, true);
  const keys = JSON.parse(
    new TextDecoder().decode(new Uint8Array(buffer, 16, headerLength)),
  ) as string[];
  let at = 16 + pad8(headerLength);
  const steps = Array.from(new Float64Array(buffer, at, rows));
  at += rows * 8;
  const atMs = Array.from(new Float64Array(buffer, at, rows));
  at += rows * 8;
  const values = new Map<string, (number | null)[]>();
  for (let k = 0; k < keyCount; k += 1) {
    const numbers = new Float64Array(buffer, at, rows);
    const present = new Uint8Array(buffer, at + rows * 8, rows);
    values.set(
      keys[k] as string,
      Array.from(numbers, (value, i) => (present[i] === 1 ? value : null)),
    );
    at += rows * 8 + pad8(rows);
  }
  return { steps, atMs, values };
}

function pad8(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Running facts of one key; a report costs the same after 5,000 and after 5,000,000 points. */
export interface KeyAggregate {
  readonly count: number;
  readonly nanCount: number;
  readonly first: number | null;
  readonly last: number | null;
  readonly lastStep: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export const emptyAggregate: KeyAggregate = {
  count: 0,
  nanCount: 0,
  first: null,
  last: null,
  lastStep: null,
  min: null,
  max: null,
};

/** `steps` and `values` are parallel columns; entries that are null are skipped. */
export function aggregate(
  before: KeyAggregate,
  steps: readonly number[],
  values: readonly (number | null)[],
): KeyAggregate {
  let { count, nanCount, first, last, lastStep, min, max } = before;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    count += 1;
    last = value;
    lastStep = steps[i] ?? lastStep;
    if (first === null) first = value;
    if (!Number.isFinite(value)) {
      nanCount += 1;
      continue;
    }
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return { count, nanCount, first, last, lastStep, min, max };
}
