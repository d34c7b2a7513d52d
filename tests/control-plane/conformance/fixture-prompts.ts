import type { GetPromptResult, PromptMessage } from "@modelcontextprotocol/server";
import { inputRequired } from "@modelcontextprotocol/server";
import type { Question, Round } from "../../../control-plane/mcp/offer.ts";
import { filledIn } from "./asking-tools.ts";
import { png } from "./fixture-tool.ts";

interface FixturePrompt {
  readonly name: string;
  readonly argumentNames: readonly string[];
  get(given: Readonly<Record<string, string>>, round: Round): GetPromptResult | Question;
}

const text = (words: string): PromptMessage => ({
  role: "user",
  content: { type: "text", text: words },
});

export const fixturePrompts: readonly FixturePrompt[] = [
  {
    name: "test_simple_prompt",
    argumentNames: [],
    get: () => ({ messages: [text("This is a simple prompt for testing.")] }),
  },
  {
    name: "test_prompt_with_arguments",
    argumentNames: ["arg1", "arg2"],
    get: ({ arg1, arg2 }) => ({
      messages: [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
    }),
  },
  {
    name: "test_prompt_with_embedded_resource",
    argumentNames: ["resourceUri"],
    get: ({ resourceUri = "" }) => ({
      messages: [
        {
          role: "user",
          content: {
            type: "resource",
            resource: {
              uri: resourceUri,
              mimeType: "text/plain",
              text: "Embedded resource content for testing.",
            },
          },
        },
        text("Please process the embedded resource above."),
      ],
    }),
  },
  {
    name: "test_prompt_with_image",
    argumentNames: [],
    get: () => ({
      messages: [
        { role: "user", content: { type: "image", data: png, mimeType: "image/png" } },
        text("Please analyze the image above."),
      ],
    }),
  },
  {
    name: "test_input_required_result_prompt",
    argumentNames: [],
    get: (_given, round) => {
      const context = filledIn(round, "user_context", "context");
      if (context !== null) return { messages: [text(`In the context of ${context}.`)] };
      return {
        ask: {
          user_context: inputRequired.elicit({
            message: "What context should the prompt use?",
            requestedSchema: {
              type: "object",
              properties: { context: { type: "string" } },
              required: ["context"],
            },
          }),
        },
      };
    },
  },
];
