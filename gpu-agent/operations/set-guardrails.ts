import type { OperationHandler } from "./operation-context.ts";

export const setGuardrails: OperationHandler<"set-guardrails"> = (args, { supervisor }) =>
  supervisor.setGuardrails(args);
