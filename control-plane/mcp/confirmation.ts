import { inputRequired } from "@modelcontextprotocol/server";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { findTool } from "@trainyard/shared/tools/registry.ts";
import { z } from "zod";
import type { Question, ToolCall, ToolReply } from "./offer.ts";

const key = "confirm";

/** What a question was about. The call may not become another one between the question and the answer. */
const stateSchema = z.object({ callHash: z.string(), confirm: z.string() });

const answerSchema = z.discriminatedUnion("action", [
  z.object({ action: z.literal("accept"), content: z.object({ confirm: z.boolean() }) }),
  z.object({ action: z.enum(["decline", "cancel"]) }),
]);

/** Names are ids; anything else would be somebody's text in a sentence of ours. */
const sayable = /^[\w.-]{1,64}$/;

/**
 * A tool that wants to be sure refuses with CONFIRM_REQUIRED, and in its details what `confirm` has to be. Where the client can
 * ask a person it does so, and the call goes on with that argument; everyone else reads the refusal and repeats the call.
 */
export async function withConfirmation(
  call: ToolCall,
  run: (rawArguments: unknown) => Promise<ToolReply>,
): Promise<ToolReply> {
  try {
    return await run(await confirmedArguments(call));
  } catch (error) {
    const question = call.client.asksPeople ? await questionOf(call, error) : null;
    if (question === null) throw error;
    return question;
  }
}

/** Throws CONFIRM_DECLINED. Without a usable answer the arguments stay as they are, and the tool asks again. */
async function confirmedArguments({ name, rawArguments, round }: ToolCall): Promise<unknown> {
  const state = stateSchema.safeParse(round.state).data;
  const answer = answerSchema.safeParse(round.responses[key]).data;
  if (state === undefined || answer === undefined) return rawArguments;
  if (answer.action !== "accept" || !answer.content.confirm) {
    throw new AppError(
      "CONFIRM_DECLINED",
      "The person was asked and did not agree. Nothing was changed.",
      {
        hint: "Do not call it again unless they want it.",
      },
    );
  }
  if (state.callHash !== (await hashOf(name, rawArguments))) return rawArguments;
  return { ...(rawArguments as object | undefined), confirm: state.confirm };
}

async function questionOf(
  { name, rawArguments }: ToolCall,
  error: unknown,
): Promise<Question | null> {
  if (!(error instanceof AppError) || error.code !== "CONFIRM_REQUIRED") return null;
  const confirm = error.details?.["confirm"];
  const tool = findTool(name);
  if (tool === null || typeof confirm !== "string" || !sayable.test(confirm)) return null;
  return {
    ask: {
      [key]: inputRequired.elicit({
        message: `${tool.title}: ${confirm}. ${error.message}`,
        requestedSchema: {
          type: "object",
          properties: { confirm: { type: "boolean", title: "Yes, go on" } },
          required: ["confirm"],
        },
      }),
    },
    state: { callHash: await hashOf(name, rawArguments), confirm } satisfies z.input<
      typeof stateSchema
    >,
  };
}

function hashOf(name: string, rawArguments: unknown): Promise<string> {
  return hashJson({ name, arguments: rawArguments ?? {} });
}
