import { z } from "zod";

/** What the agent asks of its intake child; one at a time. The agent chose the paths: the child trusts them, and nothing in them. */
export type IntakeQuestion =
  /** Looks at one picture to its end, and writes what is kept of it to `output` where that is another file. */
  | {
      readonly want: "picture";
      readonly folder: string;
      readonly file: string;
      readonly output: string;
    }
  /** Unpacks an archive into a folder that is there and empty, each file under its entry's number. */
  | { readonly want: "unpack"; readonly archive: string; readonly folder: string };

export type IntakeRequest = { readonly id: number } & IntakeQuestion;

const problem = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

export const pictureTaken = z.object({
  format: z.enum(["jpeg", "png", "webp"]),
  /** One word for what was changed; null: nothing, and `output` was not written. */
  change: z.string().nullable(),
});
export type PictureTaken = z.infer<typeof pictureTaken>;

const skippedEntry = z.object({ filename: z.string(), code: z.string(), message: z.string() });

export const archiveUnpacked = z.object({
  files: z.array(z.object({ number: z.int(), name: z.string(), bytes: z.int().min(0) })),
  skipped: z.array(skippedEntry),
});
export type ArchiveUnpacked = z.infer<typeof archiveUnpacked>;

export const intakeReply = z.union([
  z.object({ id: z.number(), answer: z.unknown(), problem: z.undefined().optional() }),
  z.object({ id: z.number(), problem }),
]);
