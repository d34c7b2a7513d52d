import { z } from "zod";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import type { PreparedTraining } from "../trainers/trainer.ts";
import type { StopLadder } from "./stop-ladder.ts";

/** What the spool keeps of an attempt that was accepted. */
export interface AttemptSpec {
  readonly args: OperationArgs<"start-attempt">;
  readonly training: PreparedTraining;
  readonly bootId: string;
}

/** A stop that is wanted, with how far it got. */
export interface StopRecord {
  readonly by: string;
  readonly reason: string;
  readonly requestedAtMs: number;
  readonly ladder: StopLadder;
}

const specSchema = z.object({
  args: operations["start-attempt"].args,
  training: z.custom<PreparedTraining>((value) => typeof value === "object" && value !== null),
  bootId: z.string(),
});

/** Null for an attempt that was stopped before it was ever started here. */
export function parseSpec(stored: unknown): AttemptSpec | null {
  const parsed = specSchema.safeParse(stored);
  return parsed.success ? parsed.data : null;
}

export function parseStop(stored: unknown): StopRecord | null {
  return typeof stored === "object" && stored !== null ? (stored as StopRecord) : null;
}
