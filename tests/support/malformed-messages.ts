import { deep } from "./malformed-bodies.ts";

/** JSON-RPC messages that no MCP client means. Pure data, for both doors of both revisions. */
export type MalformedMessage = readonly [what: string, body: string];

const call = (params: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
const ask = (method: unknown, params?: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, ...(params === undefined ? {} : { params }) });
const envelope = (fields: object): string => JSON.stringify({ jsonrpc: "2.0", ...fields });

export const envelopes: readonly MalformedMessage[] = [
  ["an empty batch", "[]"],
  ["a batch", `[${ask("ping")},${ask("tools/list")}]`],
  ["a batch of 5,000", `[${Array.from({ length: 5_000 }, () => ask("ping")).join()}]`],
  ["a batch of batches", `[[${ask("ping")}]]`],
  ["an empty object", "{}"],
  ["no jsonrpc", '{"id":1,"method":"ping"}'],
  ["jsonrpc 1.0", '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
  ["jsonrpc as a number", '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
  ["no method", envelope({ id: 1 })],
  ["an id of null", envelope({ id: null, method: "ping" })],
  ["an id that is an object", envelope({ id: { a: 1 }, method: "ping" })],
  ["an id that is a list", envelope({ id: [1], method: "ping" })],
  ["an id that is a truth", envelope({ id: true, method: "ping" })],
  ["an id with a fraction", envelope({ id: 1.5, method: "ping" })],
  [
    "an id beyond integers",
    '{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}',
  ],
  ["an id of 100,000 characters", envelope({ id: "x".repeat(100_000), method: "ping" })],
  ["an answer that nobody asked for", envelope({ id: 1, result: {} })],
  ["an error that nobody asked for", envelope({ id: 1, error: { code: -1, message: "x" } })],
  ["answer and error in one", envelope({ id: 1, result: {}, error: { code: 1, message: "x" } })],
  ["method and result in one", envelope({ id: 1, method: "ping", result: {} })],
  ["a notification that is unknown", envelope({ method: "notifications/nothing" })],
  ["a request without an id", envelope({ method: "tools/list" })],
  ["a cancellation of nothing", envelope({ method: "notifications/cancelled", params: {} })],
  [
    "a cancellation by object",
    envelope({ method: "notifications/cancelled", params: { requestId: {} } }),
  ],
  [
    "progress of nothing",
    envelope({ method: "notifications/progress", params: { progressToken: [] } }),
  ],
  ["a method that is a number", ask(7)],
  ["a method that is a list", ask(["tools/list"])],
  ["an empty method", ask("")],
  ["a method from the prototype", ask("__proto__")],
  ["a method with a line end", ask("tools/list\r\nx-evil: 1")],
  ["a method of 100,000 characters", ask("x".repeat(100_000))],
  ["a method in capitals", ask("TOOLS/LIST")],
  ["params that are a list", ask("tools/list", ["a"])],
  ["params that are a text", ask("tools/list", "all")],
  ["params that are null", ask("tools/list", null)],
  [
    "a prototype as params",
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"__proto__":{"cursor":"x"}}}',
  ],
  ["_meta that is a list", ask("tools/list", { _meta: [] })],
  ["_meta that is null", ask("tools/list", { _meta: null })],
  ["a progress token that is an object", ask("tools/list", { _meta: { progressToken: {} } })],
  [
    "a version in _meta that is a number",
    ask("tools/list", { _meta: { "io.modelcontextprotocol/protocolVersion": 7 } }),
  ],
  [
    "a client in _meta that is a text",
    ask("tools/list", { _meta: { "io.modelcontextprotocol/clientInfo": "me" } }),
  ],
  [
    "abilities in _meta that are a list",
    ask("tools/list", { _meta: { "io.modelcontextprotocol/clientCapabilities": [] } }),
  ],
];

export const wrongParams: readonly MalformedMessage[] = [
  ["initialize with nothing", ask("initialize")],
  ["initialize with empty params", ask("initialize", {})],
  [
    "initialize with a version that is a number",
    ask("initialize", {
      protocolVersion: 1,
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    }),
  ],
  [
    "initialize with a version of the future",
    ask("initialize", {
      protocolVersion: "9999-99-99",
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    }),
  ],
  [
    "initialize with abilities that are a text",
    ask("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: "all",
      clientInfo: { name: "x", version: "1" },
    }),
  ],
  [
    "initialize with a client that is null",
    ask("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: null }),
  ],
  ["discover with a list", ask("server/discover", [])],
  ["a cursor that is a number", ask("tools/list", { cursor: 7 })],
  ["a cursor that is not ours", ask("tools/list", { cursor: "eyJhIjoxfQ==" })],
  ["a cursor of 100,000 characters", ask("resources/list", { cursor: "x".repeat(100_000) })],
  ["a call without a name", call({ arguments: {} })],
  ["a call of a number", call({ name: 7 })],
  ["a call of a list", call({ name: ["list-configs"] })],
  ["a call of the prototype", call({ name: "__proto__" })],
  ["a call of a constructor", call({ name: "constructor", arguments: {} })],
  ["a call of a path", call({ name: "../list-configs" })],
  ["arguments that are a text", call({ name: "list-configs", arguments: "{}" })],
  ["arguments that are a list", call({ name: "list-configs", arguments: [] })],
  ["arguments that are null", call({ name: "list-configs", arguments: null })],
  ["arguments that no tool has", call({ name: "list-configs", arguments: { a: 1 } })],
  [
    "a prototype as arguments",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list-configs","arguments":{"__proto__":{"detail":"x"}}}}',
  ],
  [
    "arguments of 1,000 levels",
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list-configs","arguments":${deep(1_000)}}}`,
  ],
  [
    "arguments of 50,000 levels",
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list-configs","arguments":${deep(50_000)}}}`,
  ],
  [
    "a number beyond floats",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-training-logs","arguments":{"job_id":"x","lines":1e999}}}',
  ],
  [
    "a task that is a text",
    call({ name: "run-training-with-guardrails", arguments: {}, task: "yes" }),
  ],
  [
    "a task with a ttl that is a text",
    call({ name: "list-configs", arguments: {}, task: { ttl: "long" } }),
  ],
  [
    "answers to no question",
    call({
      name: "delete-config",
      arguments: { name: "x" },
      inputResponses: { confirm: { action: "accept" } },
    }),
  ],
  [
    "answers that are a list",
    call({ name: "delete-config", arguments: { name: "x" }, inputResponses: [] }),
  ],
  [
    "a state that is not ours",
    call({ name: "delete-config", arguments: { name: "x" }, requestState: "eyJhIjoxfQ.AAAA" }),
  ],
  [
    "a state that is an object",
    call({ name: "delete-config", arguments: { name: "x" }, requestState: {} }),
  ],
  [
    "a state of 100,000 characters",
    call({ name: "delete-config", arguments: { name: "x" }, requestState: "x".repeat(100_000) }),
  ],
  ["a resource without an address", ask("resources/read", {})],
  ["a resource by number", ask("resources/read", { uri: 7 })],
  ["a resource that is a file", ask("resources/read", { uri: "file:///etc/passwd" })],
  [
    "a resource above its root",
    ask("resources/read", { uri: "trainyard://jobs/../../etc/passwd" }),
  ],
  ["a resource that is a script", ask("resources/read", { uri: "javascript:alert(1)" })],
  ["a resource that is no address", ask("resources/read", { uri: "%%%" })],
  [
    "a resource of 100,000 characters",
    ask("resources/read", { uri: `trainyard://${"x".repeat(100_000)}` }),
  ],
  ["a subscription to nothing", ask("resources/subscribe", { uri: "trainyard://jobs/none" })],
  ["a prompt without a name", ask("prompts/get", {})],
  ["a prompt from the prototype", ask("prompts/get", { name: "__proto__" })],
  [
    "a prompt with arguments that are numbers",
    ask("prompts/get", { name: "x", arguments: { a: 1 } }),
  ],
  ["a completion of nothing", ask("completion/complete", {})],
  [
    "a completion of an unknown kind",
    ask("completion/complete", { ref: { type: "ref/x" }, argument: { name: "a", value: "b" } }),
  ],
  [
    "a completion by number",
    ask("completion/complete", {
      ref: { type: "ref/prompt", name: 7 },
      argument: { name: 7, value: 7 },
    }),
  ],
  ["a log level that is none", ask("logging/setLevel", { level: "shout" })],
  ["a task that is none", ask("tasks/get", { taskId: "job_none" })],
  ["a task by object", ask("tasks/get", { taskId: {} })],
  ["a task's end by nothing", ask("tasks/cancel")],
  ["a task's update by list", ask("tasks/update", [])],
  ["a question back to the client", ask("sampling/createMessage", { messages: [] })],
  ["a listener with a wrong filter", ask("subscriptions/listen", { notifications: "all" })],
];

const good = ask("tools/list", {});
const goodCall = call({ name: "list-configs", arguments: {} });

/** Headers that contradict the body, or each other, or nothing at all. */
export const wrongHeaders: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  string,
])[] = [
  ["a version that is none", { "mcp-protocol-version": "banana" }, good],
  ["a version of the future", { "mcp-protocol-version": "9999-99-99" }, good],
  ["an empty version", { "mcp-protocol-version": "" }, good],
  ["two versions", { "mcp-protocol-version": "2025-11-25, 2026-07-28" }, good],
  ["a version of 5,000 characters", { "mcp-protocol-version": "2".repeat(5_000) }, good],
  ["the new version without _meta", { "mcp-protocol-version": "2026-07-28" }, good],
  [
    "another version than _meta",
    { "mcp-protocol-version": "2026-07-28" },
    ask("tools/list", { _meta: { "io.modelcontextprotocol/protocolVersion": "2025-11-25" } }),
  ],
  [
    "another method than the body",
    { "mcp-protocol-version": "2026-07-28", "mcp-method": "ping" },
    good,
  ],
  [
    "another tool than the body",
    {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "delete-config",
    },
    goodCall,
  ],
  [
    "a tool's name that is not encoded",
    {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "=?base64?!!!?=",
    },
    goodCall,
  ],
  ["a session that never was", { "mcp-session-id": "00000000-0000-0000-0000-000000000000" }, good],
  ["an event that never was", { "last-event-id": "7" }, good],
  ["no content type", { "content-type": "" }, good],
  ["text", { "content-type": "text/plain" }, good],
  ["a form", { "content-type": "application/x-www-form-urlencoded" }, good],
  ["another charset", { "content-type": "application/json; charset=utf-16" }, good],
  ["a content type that is none", { "content-type": "///;;=" }, good],
  ["only images accepted", { accept: "image/png" }, good],
  ["nothing accepted", { accept: "" }, good],
  [
    "5,000 kinds accepted",
    { accept: Array.from({ length: 5_000 }, (_, n) => `x/${n}`).join() },
    good,
  ],
  ["gzip that is none", { "content-encoding": "gzip" }, good],
  ["a length that is a word", { "content-length": "many" }, good],
  ["a foreign page", { origin: "https://evil.example" }, good],
  ["a page that is none", { origin: ":::" }, good],
  ["a sandboxed page", { origin: "null" }, good],
  ["a scheme of tokens that is unknown", { authorization: "Digest x" }, good],
  ["an empty token", { authorization: "Bearer " }, good],
  ["a token of 10,000 characters", { authorization: `Bearer ${"x".repeat(10_000)}` }, good],
  ["an id of 5,000 characters", { "x-request-id": "x".repeat(5_000) }, good],
  [
    "another address",
    {
      "mf-original-url": "http://evil.example/mcp",
      "x-original-url": "/admin",
      "x-forwarded-host": "evil.example",
    },
    good,
  ],
  ["another method", { "x-http-method-override": "DELETE" }, good],
  [
    "another client",
    { "cf-connecting-ip": "1.2.3.4, 5.6.7.8", "x-forwarded-for": "' or 1=1" },
    good,
  ],
];
