import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../files/atomic-write.ts";
import type { AttemptFiles } from "../../home.ts";

/** What is known of an attempt's job in the UI. A file of its own: it is written before each step that must not be made twice. */
const attemptSchema = z.object({
  version: z.literal(1),
  /** Null until the UI has made the row. */
  uiJobId: z.string().nullable(),
  /** The row's name, and so the folder of its log. */
  name: z.string().nullable(),
  /** It was made here, so its row may be started, marked and written to. */
  ours: z.boolean(),
  /** Set before the row is put into its queue: the place it had till then. A start gives it another one. */
  placeBefore: z.number().nullable(),
  /** Its queue was seen to run, once; whoever stops it afterwards wants it stopped. */
  queueStarted: z.boolean(),
  /** Of the run before, which stays in the row until this one is a process. */
  stalePid: z.number().nullable(),
  pid: z.number().nullable(),
  /** It became a process. */
  began: z.boolean(),
  process: z.object({ pid: z.number(), startTicks: z.string(), bootId: z.string() }).nullable(),
  /** The UI's own stop was used: it sends the interrupt. */
  interrupted: z.boolean(),
  trainingFolder: z.string().nullable(),
  mirror: z.object({
    place: z.object({ offset: z.number(), overlap: z.string() }),
    bytes: z.number(),
    lossy: z.boolean(),
  }),
});
export type UiAttempt = z.infer<typeof attemptSchema>;

export const newUiAttempt: UiAttempt = {
  version: 1,
  uiJobId: null,
  name: null,
  ours: true,
  placeBefore: null,
  queueStarted: false,
  stalePid: null,
  pid: null,
  began: false,
  process: null,
  interrupted: false,
  trainingFolder: null,
  mirror: { place: { offset: 0, overlap: "" }, bytes: 0, lossy: false },
};

/** Null where there is none: an attempt that this version did not begin, or one that was never asked for. */
export function readUiAttempt(files: AttemptFiles): UiAttempt | null {
  try {
    const parsed = attemptSchema.safeParse(JSON.parse(readFileSync(pathOf(files), "utf8")));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export function writeUiAttempt(files: AttemptFiles, attempt: UiAttempt): void {
  writeFileAtomic(pathOf(files), JSON.stringify(attempt));
}

function pathOf(files: AttemptFiles): string {
  return join(files.folder, "ui.json");
}
