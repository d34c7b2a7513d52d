import type { OperationHandler } from "./operation-context.ts";

export const sampleSheet: OperationHandler<"sample-sheet"> = (args, { sheets }) =>
  sheets.make(args);
