import { z } from "zod";
import { limits } from "../../limits.ts";

/**
 * What the edge may ask of an agent: a fixed vocabulary, nothing generic. `changes` says whether the box ledgers the
 * call. The agent checks the arguments again; the edge is not its authority on paths, names or files.
 */
export interface Operation<
  Args extends z.ZodType = z.ZodType,
  Value extends z.ZodType = z.ZodType,
> {
  readonly args: Args;
  readonly value: Value;
  readonly changes: boolean;
  /** How long the Hub waits for the answer. */
  readonly timeoutMs: number;
}

export const id = z.string().min(1).max(80);
export const name = z.string().min(1).max(limits.nameCharacters);
export const document = z.record(z.string(), z.unknown());
export const bytes = z.int().min(0);
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export function operation<Args extends z.ZodType, Value extends z.ZodType>(
  definition: Operation<Args, Value>,
): Operation<Args, Value> {
  return definition;
}
