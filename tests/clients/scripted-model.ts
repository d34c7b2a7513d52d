import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";

const asked = z.object({
  stream: z.boolean().optional(),
  tools: z.array(z.object({ name: z.string() })).default([]),
  messages: z.array(z.object({ role: z.string(), content: z.unknown() })).default([]),
});
const results = z.array(
  z.object({
    type: z.string(),
    tool_use_id: z.string().optional(),
    is_error: z.boolean().optional(),
    content: z
      .union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))])
      .optional(),
  }),
);

type Asked = z.infer<typeof asked>;
type Said = { readonly tool: string; readonly args: unknown } | { readonly text: string };

export interface ScriptedModel {
  readonly url: string;
  /** Names of the client's tools, as it told its model. */
  readonly tools: ReadonlySet<string>;
  /** Says that the client should call a tool. @returns What the client answered, as text. */
  call(tool: string, args: unknown): Promise<string>;
  /** The last word: the client ends. */
  end(): void;
  close(): void;
}

/** A place that speaks Anthropic's Messages API, and whose model is whoever calls `call`: no language model is asked. */
export async function scriptedModel(): Promise<ScriptedModel> {
  const tools = new Set<string>();
  const sayings: Said[] = [];
  let wake: () => void = () => {};
  let heard: ((text: string) => void) | null = null;
  const say = (said: Said) => {
    sayings.push(said);
    wake();
  };
  async function nextSaid(): Promise<Said> {
    while (sayings.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return sayings.shift() as Said;
  }
  const server = createServer((incoming, answer) => {
    void (async () => {
      const body = asked.parse(await jsonOf(incoming));
      // It asks for titles and the like too; those requests offer none of the server's tools.
      const ours = body.tools.filter(({ name }) => name.startsWith("mcp__"));
      if (ours.length === 0) return reply(answer, { text: "ok" });
      for (const { name } of ours) tools.add(name);
      const result = lastResult(body);
      if (result !== null) heard?.(result);
      reply(answer, await nextSaid());
    })().catch((error: unknown) => answer.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tools,
    call: (tool, args) =>
      new Promise((resolve) => {
        heard = resolve;
        say({ tool, args });
      }),
    end: () => say({ text: "Done." }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function jsonOf(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? {} : JSON.parse(text);
}

function lastResult({ messages }: Asked): string | null {
  const parsed = results.safeParse(messages.findLast(({ role }) => role === "user")?.content);
  const found = parsed.data?.findLast(({ type }) => type === "tool_result");
  if (found === undefined) return null;
  const { content = "" } = found;
  return typeof content === "string" ? content : content.map(({ text }) => text ?? "").join("\n");
}

let count = 0;

function reply(answer: ServerResponse, said: Said): void {
  count += 1;
  const calls = "tool" in said;
  const block = calls
    ? { type: "tool_use", id: `toolu_${count}`, name: said.tool, input: {} }
    : { type: "text", text: "" };
  const delta = calls
    ? { type: "input_json_delta", partial_json: JSON.stringify(said.args) }
    : { type: "text_delta", text: said.text };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = {
    id: `msg_${count}`,
    type: "message",
    role: "assistant",
    model: "script",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  answer.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of [
    { type: "message_start", message },
    { type: "content_block_start", index: 0, content_block: block },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: calls ? "tool_use" : "end_turn", stop_sequence: null },
      usage,
    },
    { type: "message_stop" },
  ]) {
    answer.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  answer.end();
}
