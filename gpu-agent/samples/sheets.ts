import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { createChildProgram } from "../child-program.ts";
import { writeFileAtomic } from "../files/atomic-write.ts";
import { attemptFiles } from "../home.ts";
import { placedBelow } from "../files/file-source.ts";
import type { FindOutput } from "../files/file-source.ts";
import type { Home } from "../home.ts";
import type { Time } from "../time.ts";
import { sheetAnswer } from "./sheet-messages.ts";
import type { SheetRequest } from "./sheet-messages.ts";

/** Contact sheets of a job's sample pictures. */
export interface Sheets {
  /** Throws SHEET_FAILED when no picture of them can be read. */
  make(args: OperationArgs<"sample-sheet">): Promise<OperationValue<"sample-sheet">>;
  close(): void;
}

const idleMs = 20_000;
/** Newest kept for each job; a link to an older one makes it anew. */
const kept = 12;

export function createSheets(options: {
  /** Script that is started as a process of its own. */
  readonly entry: string;
  readonly home: Home;
  readonly time: Time;
  readonly findOutput: FindOutput;
}): Sheets {
  const { home, entry, time, findOutput } = options;
  const child = createChildProgram({
    entry,
    time,
    idleMs,
    nodeOptions: ["--max-old-space-size=256"],
  });
  let lastId = 0;
  let last: Promise<unknown> = Promise.resolve();

  const compose = async (args: OperationArgs<"sample-sheet">) => {
    const request: SheetRequest = {
      id: (lastId += 1),
      steps: [...args.steps],
      prompts: [...args.prompts],
      cells: args.pictures.flatMap(({ step, index, segments }) => {
        const column = args.steps.indexOf(step);
        const row = args.prompts.indexOf(index);
        if (column === -1 || row === -1) return [];
        const placed = placedBelow(segments, findOutput);
        return [{ column, row, root: placed.root, segments: [...placed.segments] }];
      }),
      maxBytes: limits.sheetBytes,
    };
    const outcome = await child.ask(request, limits.sheetMs);
    if (outcome.kind !== "answer") {
      child.kill();
      throw failed(outcome.reason);
    }
    const { sheet, problem } = sheetAnswer.parse(outcome.message);
    if (sheet === null) throw failed(problem ?? "unknown");
    if (sheet.missing >= request.cells.length) throw failed("none of the pictures can be read");
    return sheet;
  };

  return {
    make(args) {
      // Checks the id before anything is done.
      const folder = join(attemptFiles(home, args.jobId, 1).folder, "..", "sheets");
      const made = last.then(() => compose(args));
      last = made.catch(() => undefined);
      return made.then(({ jpeg, width, height, missing }) => {
        const bytes = Buffer.from(jpeg, "base64");
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        const name = `${sha256.slice(0, 16)}.jpg`;
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const path = join(folder, name);
        writeFileAtomic(path, bytes);
        forgetOldest(folder);
        const { mtimeMs } = statSync(path);
        return {
          name,
          jpeg,
          width,
          height,
          missing,
          bytes: bytes.byteLength,
          sha256,
          modifiedAtMs: mtimeMs,
        };
      });
    },
    close: () => child.close(),
  };
}

function forgetOldest(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".jpg"))
    .map((name) => ({ path: join(folder, name), atMs: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.atMs - a.atMs);
  for (const { path } of files.slice(kept)) rmSync(path, { force: true });
}

function failed(reason: string): AppError {
  return new AppError("SHEET_FAILED", "No contact sheet could be made of these pictures.", {
    hint: "Fetch a single picture: create-download-link with kind sample.",
    details: { reason: reason.slice(0, 200) },
  });
}
