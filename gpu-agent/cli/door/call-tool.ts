import { wireToError } from "@trainyard/shared/errors.ts";
import type { AppError } from "@trainyard/shared/errors.ts";
import type { z } from "zod";
import { ask, notTrainyard } from "./http-door.ts";
import type { Refusal } from "./http-door.ts";
import type { Target } from "./target.ts";

/** One tool call whose answer the command goes on with. Throws what the call was refused with. */
export async function callTool<Data>(
  target: Target,
  tool: string,
  given: Readonly<Record<string, unknown>>,
  schema: z.ZodType<Data>,
): Promise<Data> {
  const answer = await ask(target.address(), {
    token: target.token(),
    path: "/mcp/tool",
    body: { name: tool, arguments: given },
  });
  if (!answer.ok) throw refusalError(answer.error);
  const parsed = schema.safeParse(answer.body["data"]);
  if (!parsed.success) throw notTrainyard(200);
  return parsed.data;
}

/** A code that only a newer control plane knows is INTERNAL here; its sentence is kept. */
export function refusalError({ code, message, hint, details }: Refusal): AppError {
  return wireToError({
    code,
    message,
    ...(typeof hint === "string" ? { hint } : {}),
    ...(typeof details === "object" && details !== null
      ? { details: details as Record<string, unknown> }
      : {}),
  });
}
