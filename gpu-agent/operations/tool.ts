import { AppError } from "@trainyard/shared/errors.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { agentTools } from "../tools/handlers.ts";
import type { OperationContext, OperationHandler } from "./operation-context.ts";

export const runTool: OperationHandler<"tool"> = (args, context) => run(args, context, false);

export const changeTool: OperationHandler<"change-tool"> = (args, context) =>
  run(args, context, true);

async function run(
  args: OperationArgs<"tool">,
  context: OperationContext,
  changes: boolean,
): Promise<OperationValue<"tool">> {
  const tool = agentTools.get(args.tool);
  if (tool === undefined) {
    throw new AppError("AGENT_OUTDATED", "This agent does not have that tool.", {
      hint: "Update the agent on the box.",
    });
  }
  if (changes === tool.contract.annotations.readOnlyHint) {
    throw new AppError(
      "PROTOCOL_ERROR",
      `${args.tool} came as a call that ${changes ? "changes the box" : "only reads"}.`,
      { hint: "Update the control plane." },
    );
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
}
