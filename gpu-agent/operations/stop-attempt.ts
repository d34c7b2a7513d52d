import type { OperationHandler } from "./operation-context.ts";

export const stopAttempt: OperationHandler<"stop-attempt"> = (args, { supervisor }) =>
  supervisor.stop(args);
