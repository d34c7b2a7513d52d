/**
 * A process of its own for pictures: what a trainer wrote is decoded here, and sharp's memory goes with it. Answers requests over
 * IPC and exits by itself when nobody asks for a while or the agent is gone.
 */
import { parseArgs } from "node:util";
import sharp from "sharp";
import { composeSheet } from "./compose-sheet.ts";
import { sheetRequest } from "./sheet-messages.ts";
import type { SheetAnswer } from "./sheet-messages.ts";

sharp.concurrency(1);
sharp.cache(false);

const { values } = parseArgs({ options: { "idle-ms": { type: "string" } } });
const idleMs = Number(values["idle-ms"] ?? 20_000);
let idle = setTimeout(leave, idleMs);

if (process.send === undefined) throw new Error("usage: started by the agent, with an IPC channel");
process.on("disconnect", leave);
process.on("message", (message) => {
  clearTimeout(idle);
  void answer(message).then((reply) => {
    process.send?.(reply);
    clearTimeout(idle);
    idle = setTimeout(leave, idleMs);
  });
});

function leave(): void {
  process.exit(0);
}

async function answer(message: unknown): Promise<SheetAnswer> {
  const request = sheetRequest.parse(message);
  try {
    return { id: request.id, sheet: await composeSheet(request), problem: null };
  } catch (error) {
    return { id: request.id, sheet: null, problem: String(error).slice(0, 500) };
  }
}
