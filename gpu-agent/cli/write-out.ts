import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";

/**
 * Writes text to standard output and waits while the reader is slower. A reader that went away (`| head`) ends the
 * command quietly, as every tool in a pipe does.
 */
export function createStdoutWriter(): (text: string) => Promise<void> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return async (text) => {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  };
}

/** Writes a new file piece by piece; `flag` as Node's open takes it. */
export function openFileWriter(
  path: string,
  flag: "w" | "wx",
): { readonly write: (text: string) => Promise<void>; readonly close: () => void } {
  const file = openSync(path, flag);
  return {
    async write(text) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    },
    close: () => closeSync(file),
  };
}
