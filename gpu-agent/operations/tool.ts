import { AppError } from "@trainyard/shared/errors.ts";
import { agentTools } from "../tools/handlers.ts";
import type { OperationHandler } from "./operation-context.ts";

export const runTool: OperationHandler<"tool"> = async (args, context) => {
  const tool = agentTools.get(args.tool);
  if (tool === undefined) {
    throw new AppError("AGENT_OUTDATED", "This agent does not have that tool.", {
      hint: "Update the agent on the box.",
    });
  }
  const input = tool.contract.input.safeParse(args.arguments);
  if (!input.success) {
    const [issue] = input.error.issues;
    throw new AppError(
      "INVALID_ARGUMENT",
      `The arguments of ${args.tool} are wrong at ${issue?.path.join(".") || "their root"}.`,
      {
        hint: issue?.message ?? "Check them against the tool's schema.",
      },
    );
  }
  return tool.run(input.data, context);
};
