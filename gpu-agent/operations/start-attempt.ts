import type { OperationHandler } from "./operation-context.ts";

export const startAttempt: OperationHandler<"start-attempt"> = (args, { supervisor }) =>
  supervisor.start(args);
