import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Conclusion } from "@trainyard/shared/jobs/conclude.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseName } from "@trainyard/shared/names.ts";
import { writeFileAtomic } from "../files/atomic-write.ts";
import { openFolderInside, openInside } from "../safe-path.ts";
import { manifestFile } from "./run-place.ts";

/** The rest of it is the scripts' own and stays as it is. */
const settledSchema = z.looseObject({
  status: z.string(),
  stages: z.record(z.string(), z.looseObject({ status: z.string() })),
});

/**
 * The scripts write the manifest, and one that was killed ended nothing in it: it gets the job's end, and so does a stage that was being
 * trained. Throws NOT_FOUND where the project was moved away, and what a damaged manifest throws.
 */
export function settleManifest(project: string, run: string, state: Conclusion["state"]): void {
  const below = ["runs", parseName("run", run)];
  const file = openInside(project, [...below, manifestFile]);
  const { size, mode } = file.stat;
  let text: string;
  try {
    if (size > limits.runRecordBytes) throw new Error("The manifest is too large to be one.");
    text = readFileSync(file.descriptor, "utf8");
  } finally {
    file.close();
  }
  const manifest = settledSchema.parse(JSON.parse(text));
  const stages = Object.fromEntries(
    Object.entries(manifest.stages).map(([name, stage]) => [
      name,
      stage.status === "running" ? { ...stage, status: state } : stage,
    ]),
  );
  const settled = `${JSON.stringify({ ...manifest, status: state, stages }, null, 2)}\n`;
  if (settled === text) return;
  const folder = openFolderInside(project, below);
  try {
    writeFileAtomic(folder.entry(manifestFile), settled, mode & 0o777);
  } finally {
    folder.close();
  }
}
