import { limits } from "@trainyard/shared/limits.ts";

/** What an answer holds besides its rows: counts, the observation, the text. */
const restCharacters = 300;

/**
 * The first rows of a concise answer, as many as it has room for and at least one. Rows are made one by one: what is not shown
 * is not looked at on disk.
 */
export function fittingRows<Item, Row extends object>(
  items: readonly Item[],
  toRow: (item: Item) => Row,
  rest = restCharacters,
): Row[] {
  const rows: Row[] = [];
  let left = limits.conciseCharacters - rest;
  for (const item of items) {
    const row = toRow(item);
    left -= JSON.stringify(row).length + 1;
    if (left < 0 && rows.length > 0) break;
    rows.push(row);
  }
  return rows;
}
