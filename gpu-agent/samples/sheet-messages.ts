import { z } from "zod";

const cellSchema = z.object({
  column: z.int().min(0),
  row: z.int().min(0),
  /** Folder that the picture lies below. */
  root: z.string(),
  segments: z.array(z.string()),
});

export const sheetRequest = z.object({
  id: z.int(),
  /** Heads of the columns. */
  steps: z.array(z.int()),
  /** Heads of the rows. */
  prompts: z.array(z.int()),
  cells: z.array(cellSchema),
  maxBytes: z.int(),
});
export type SheetRequest = z.infer<typeof sheetRequest>;

export const sheetAnswer = z.object({
  id: z.int(),
  sheet: z
    .object({
      /** Base64. */
      jpeg: z.string(),
      width: z.int(),
      height: z.int(),
      /** Pictures that could not be read. */
      missing: z.int(),
    })
    .nullable(),
  problem: z.string().nullable(),
});
export type SheetAnswer = z.infer<typeof sheetAnswer>;
