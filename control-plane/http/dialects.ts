import { AppError } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";
import type { Dispatched } from "./dispatch.ts";

/**
 * The envelopes of the earlier bridges (design 10, peers 4). `tool` and `name` share an address and are told apart by the
 * body's key; `execute` and `call` differ in one spelling.
 */
export type Dialect = "tool" | "name" | "execute" | "call";

export interface BridgeCall {
  readonly name: string;
  readonly arguments: unknown;
  readonly dialect: Dialect;
}

type Body = Readonly<Record<string, unknown>>;

/** Which envelope an address answers in; null where the body says it, or where no tool is called. */
function dialectOf(path: string): "execute" | "call" | null {
  if (path === "/mcp/execute" || path === "/tools/execute") return "execute";
  return path === "/execute" || /^\/tools\/[^/]+\/call$/.test(path) ? "call" : null;
}

/** @param named The tool that the address names, where it names one: then a body may be missing. */
export function readCall(body: unknown, path: string, named?: string): BridgeCall {
  const dialect = dialectOf(path);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("The body is not an object.");
  }
  const { tool, name } = body as Body;
  const called = onlyOne("tool", tool, "name", name) ?? named;
  if (typeof called !== "string" || called === "") throw invalidRequest("The body names no tool.");
  if (named !== undefined && called !== named) {
    throw invalidRequest("The body names another tool than the address.");
  }
  return {
    name: called,
    arguments: argumentsIn(body as Body),
    dialect: dialect ?? (tool === undefined ? "name" : "tool"),
  };
}

function argumentsIn(body: Body): unknown {
  const args = body["arguments"] ?? undefined;
  const parameters = body["parameters"] ?? undefined;
  if (args !== undefined && parameters !== undefined) {
    throw invalidRequest("The body has both arguments and parameters.");
  }
  const given = args ?? parameters;
  if (given !== undefined && (typeof given !== "object" || Array.isArray(given))) {
    throw invalidRequest("arguments is not an object.");
  }
  return given;
}

function onlyOne(key: string, value: unknown, other: string, otherValue: unknown): unknown {
  if (value !== undefined && otherValue !== undefined && value !== otherValue) {
    throw invalidRequest(`The body has both ${key} and ${other}, and they differ.`);
  }
  return value ?? otherValue;
}

function invalidRequest(message: string): AppError {
  return new AppError("INVALID_REQUEST", message, {
    hint: 'Send {"name": "<tool>", "arguments": {…}}; GET /tools lists the tools.',
  });
}

/** The earlier systems' first item was the result as JSON; ours adds the sentence that a reader wants. */
function content({ answer }: Dispatched) {
  return [
    { type: "text", text: JSON.stringify(answer.data) },
    { type: "text", text: answer.text },
    ...(answer.pictures ?? []).map(({ mediaType, base64 }) => ({
      type: "image",
      data: base64,
      mimeType: mediaType,
    })),
  ];
}

/** `data` always holds the structured content; the rest is what a client of that dialect reads. */
export function successBody(dialect: Dialect, requestId: string, done: Dispatched): object {
  const { tool, answer } = done;
  const common = { ok: true, request_id: requestId, tool: tool.name, data: answer.data };
  switch (dialect) {
    case "tool":
      return { ...common, result: JSON.stringify(answer.data) };
    case "name":
      return { ...common, result: content(done) };
    case "execute":
      return {
        ...common,
        success: true,
        result: { content: content(done), isError: false },
        error: null,
      };
    case "call":
      return {
        ...common,
        success: true,
        result: { content: content(done), is_error: false },
        error: null,
      };
  }
}

/** What a failure holds beside `ok`, `request_id` and `error`, at an address whose clients look elsewhere. */
export function failureFields(path: string, wire: WireError): object {
  const dialect = dialectOf(path);
  if (dialect === null) return {};
  const text = [`${wire.code}: ${wire.message}`, wire.hint ?? ""].join(" ").trim();
  const items = [{ type: "text", text }];
  return {
    success: false,
    result:
      dialect === "execute"
        ? { content: items, isError: true }
        : { content: items, is_error: true },
  };
}
