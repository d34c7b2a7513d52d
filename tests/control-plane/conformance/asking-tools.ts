import { inputRequired } from "@modelcontextprotocol/server";
import type { InputRequests } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Question, Round } from "../../../control-plane/mcp/offer.ts";
import { says, tool } from "./fixture-tool.ts";
import type { FixtureTool } from "./fixture-tool.ts";

const requests = {
  user_name: form("What is your name?", "name"),
  capital_question: inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: "What is the capital of France?" } }],
    maxTokens: 100,
  }),
  greeting: inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: "Generate a greeting" } }],
    maxTokens: 50,
  }),
  client_roots: inputRequired.listRoots(),
  step1: form("Step 1: What is your name?", "name"),
  step2: form("Step 2: What is your favorite color?", "color"),
  confirm: inputRequired.elicit({
    message: "Please confirm",
    requestedSchema: {
      type: "object",
      properties: { ok: { type: "boolean" } },
      required: ["ok"],
    },
  }),
} satisfies InputRequests;

function form(message: string, field: string) {
  return inputRequired.elicit({
    message,
    requestedSchema: {
      type: "object",
      properties: { [field]: { type: "string" } },
      required: [field],
    },
  });
}

export const question = (keys: readonly (keyof typeof requests)[], state?: unknown): Question => ({
  ask: Object.fromEntries(keys.map((key) => [key, requests[key]])),
  ...(state === undefined ? {} : { state }),
});

const filled = z.object({
  action: z.literal("accept"),
  content: z.record(z.string(), z.unknown()),
});
const said = z.object({ content: z.object({ text: z.string() }) });
const rooted = z.object({ roots: z.array(z.object({ uri: z.string() })) });

/** What a person filled in, or null: the client may have sent anything. */
export function filledIn({ responses }: Round, key: string, field: string): string | null {
  const value = filled.safeParse(responses[key]).data?.content[field];
  return typeof value === "string" ? value : null;
}

const answeredAll = (keys: readonly string[], { responses }: Round): boolean =>
  keys.every((key) => typeof responses[key] === "object" && responses[key] !== null);

const several = ["user_name", "greeting", "client_roots"] as const;

export const askingTools: readonly FixtureTool[] = [
  tool("test_input_required_result_elicitation", async ({ round }) => {
    const name = filledIn(round, "user_name", "name");
    return name === null ? question(["user_name"]) : says(`Hello, ${name}!`);
  }),
  tool("test_input_required_result_sampling", async ({ round }) => {
    const answer = said.safeParse(round.responses["capital_question"]).data;
    return answer === undefined ? question(["capital_question"]) : says(answer.content.text);
  }),
  tool("test_input_required_result_list_roots", async ({ round }) => {
    const answer = rooted.safeParse(round.responses["client_roots"]).data;
    return answer === undefined
      ? question(["client_roots"])
      : says(answer.roots.map(({ uri }) => uri).join(", "));
  }),
  tool("test_input_required_result_request_state", async ({ round }) =>
    answeredAll(["confirm"], round) && round.state === "first"
      ? says("state-ok")
      : question(["confirm"], "first"),
  ),
  tool("test_input_required_result_tampered_state", async ({ round }) =>
    round.state === "first" ? says("state-ok") : question(["confirm"], "first"),
  ),
  tool("test_input_required_result_multiple_inputs", async ({ round }) =>
    answeredAll(several, round) ? says("All is there.") : question(several, "first"),
  ),
  tool("test_input_required_result_multi_round", async ({ round }) => {
    if (round.state === "second" && answeredAll(["step2"], round)) return says("Done.");
    if (round.state === "first" && answeredAll(["step1"], round)) {
      return question(["step2"], "second");
    }
    return question(["step1"], "first");
  }),
  tool("test_input_required_result_capabilities", async ({ client }) =>
    question([
      ...(client.asksPeople ? (["user_name"] as const) : []),
      ...(client.asksModels ? (["greeting"] as const) : []),
      ...(client.namesRoots ? (["client_roots"] as const) : []),
    ]),
  ),
  // Asks for what the client may not have declared: the door refuses it.
  tool("test_missing_capability", async () => question(["greeting"])),
  tool("test_streaming_elicitation", async () => question(["user_name"])),
];
