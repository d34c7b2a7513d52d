import type { z } from "zod";
import { attemptOperations } from "./operations/attempts.ts";
import { configOperations } from "./operations/configs.ts";
import { fileOperations } from "./operations/files.ts";
import { logOperations } from "./operations/logs.ts";
import { preflightOperations } from "./operations/preflight.ts";
import { resultOperations } from "./operations/results.ts";
import { toolOperations } from "./operations/tools.ts";
import { uploadOperations } from "./operations/uploads.ts";

/** What the edge may ask of an agent, by subject. */
export const operations = {
  ...attemptOperations,
  ...preflightOperations,
  ...configOperations,
  ...logOperations,
  ...fileOperations,
  ...uploadOperations,
  ...resultOperations,
  ...toolOperations,
} as const;

export type OperationName = keyof typeof operations;
export type OperationArgs<Name extends OperationName> = z.output<(typeof operations)[Name]["args"]>;
export type OperationValue<Name extends OperationName> = z.output<
  (typeof operations)[Name]["value"]
>;

export function isOperationName(value: string): value is OperationName {
  return Object.hasOwn(operations, value);
}
