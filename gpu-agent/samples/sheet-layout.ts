import { limits } from "@trainyard/shared/limits.ts";

/** Places of a contact sheet, in pixels: a row of step numbers, a column of prompt numbers, and a square cell for each picture. */
export interface SheetLayout {
  readonly cell: number;
  readonly gap: number;
  /** Height of the head row, width of the first column. */
  readonly headHeight: number;
  readonly sideWidth: number;
  readonly width: number;
  readonly height: number;
}

const gap = 6;
const cellMax = 320;

/** As large as a reader's model takes without shrinking it (1,568 pixels on the long side), times `scale`. */
export function sheetLayout(columns: number, rows: number, scale = 1): SheetLayout {
  const headHeight = 30;
  const sideWidth = 44;
  const room = (side: number, head: number, count: number): number =>
    Math.floor((side - head - gap * (count + 1)) / count);
  const widest = room(limits.sheetSidePixels, sideWidth, columns);
  const highest = room(limits.sheetSidePixels, headHeight, rows);
  const cell = Math.max(32, Math.floor(Math.min(cellMax, widest, highest) * scale));
  return {
    cell,
    gap,
    headHeight,
    sideWidth,
    width: sideWidth + columns * (cell + gap) + gap,
    height: headHeight + rows * (cell + gap) + gap,
  };
}

export function cellPlace(
  { cell, gap, headHeight, sideWidth }: SheetLayout,
  column: number,
  row: number,
): { readonly left: number; readonly top: number } {
  return {
    left: sideWidth + gap + column * (cell + gap),
    top: headHeight + gap + row * (cell + gap),
  };
}
