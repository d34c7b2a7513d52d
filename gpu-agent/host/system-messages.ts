import { z } from "zod";

/** What the agent asks of its system child; one at a time. */
export type SystemRequest =
  | { readonly id: number; readonly want: "vitals"; readonly path: string }
  | { readonly id: number; readonly want: "graphics" };

const bytes = z.number().nonnegative();

/** A fact that could not be had in time, or made no sense, is null. */
export const vitalsAnswer = z.object({
  id: z.number(),
  vitals: z.object({
    cpuPercent: z.number().min(0).max(100).nullable(),
    memory: z.object({ totalBytes: bytes, usedBytes: bytes }).nullable(),
    /** Of the file system that holds the asked path; null where none of the listed ones surely does. */
    disk: z.object({ totalBytes: bytes, freeBytes: bytes }).nullable(),
  }),
});
export type VitalsAnswer = z.infer<typeof vitalsAnswer>;

export const graphicsAnswer = z.object({
  id: z.number(),
  controllers: z
    .array(
      z.object({
        vendor: z.string().max(200),
        model: z.string().max(200),
        temperatureC: z.number().nullable(),
      }),
    )
    .max(64)
    .nullable(),
});
export type GraphicsAnswer = z.infer<typeof graphicsAnswer>;
