import type { OperationHandler } from "./operation-context.ts";

export const askTrainer: OperationHandler<"ask-trainer"> = (args, { supervisor }) =>
  supervisor.ask(args);
