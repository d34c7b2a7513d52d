import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createYard } from "../support/yard.ts";

const yard = await createYard();

const posts = [
  "/mcp/tool",
  "/mcp/execute",
  "/tools/execute",
  "/execute",
  "/tools/list-configs/call",
  "/mcp/initialize",
  "/webhooks/routes",
] as const;

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyInit | null;
}

/** No 5xx, no stack, always JSON, soon. */
async function send({ method, path, headers, body }: Sent): Promise<number> {
  const began = performance.now();
  const response = await yard.fetch(path, {
    method,
    headers: { authorization: `Bearer ${yard.tokens.admin}`, ...headers },
    body: method === "GET" || method === "HEAD" ? null : body,
  });
  const text = await response.text();

  expect(response.status, text).toBeLessThan(500);
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(response.headers.get("x-request-id")).not.toBeNull();
  expect(text).not.toMatch(/\n\s+at |\.ts:\d+|node_modules|INTERNAL/);
  if (response.status >= 400 && method !== "HEAD") {
    const answer = JSON.parse(text) as Record<string, any>;
    expect(answer["ok"]).toBe(false);
    expect(typeof answer["error"].code).toBe("string");
  }
  return response.status;
}

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
const utf16 = Uint8Array.from(
  Array.from('{"name":"x"}', (character) => [character.charCodeAt(0), 0]).flat(),
);

const bodies: readonly (readonly [string, string | Uint8Array])[] = [
  ["nothing", ""],
  ["blank", " \n"],
  ["cut off", '{"name": "list-configs", "arguments": {'],
  ["two documents", '{"name":"list-configs"}{"name":"list-configs"}'],
  ["a trailing comma", '{"name":"list-configs",}'],
  ["single quotes", "{'name':'list-configs'}"],
  ["NaN", '{"name":"list-configs","arguments":{"detail":NaN}}'],
  ["a huge number", '{"name":"list-configs","arguments":{"detail":1e999}}'],
  ["a control character", '{"name":"list\u0000configs"}'],
  ["a lone surrogate", '{"name":"\\ud800"}'],
  ["UTF-16", utf16],
  ["bytes", new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  ["gzip", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])],
  ["a form", "name=list-configs&arguments=%7B%7D"],
  ["XML", "<name>list-configs</name>"],
  ["null", "null"],
  ["a number", "7"],
  ["a list of calls", '[{"name":"list-configs"}]'],
  ["a name that is an object", '{"name":{"toString":1}}'],
  ["a name that is a list", '{"tool":["list-configs"]}'],
  ["a name of 100,000 characters", `{"name":"${"x".repeat(100_000)}"}`],
  ["a name from the prototype", '{"tool":"__proto__"}'],
  ["a prototype as arguments", '{"name":"list-configs","arguments":{"__proto__":{"detail":"x"}}}'],
  ["a constructor", '{"name":"list-configs","arguments":{"constructor":{"prototype":{"x":1}}}}'],
  ["1,000 levels", `{"name":"list-configs","arguments":${deep(1_000)}}`],
  ["50,000 levels", `{"name":"list-configs","arguments":${deep(50_000)}}`],
  ["50,000 levels of lists", "[".repeat(50_000)],
  ["50,000 keys", `{${Array.from({ length: 50_000 }, (_, n) => `"k${n}":${n}`).join()}}`],
  ["keys that are repeated", '{"name":"list-configs","name":"nothing","name":7}'],
];

describe.each(posts)("POST %s", (path) => {
  it.each(bodies)("refuses or answers %s", async (_what, body) => {
    await send({
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body,
    });
  });
});

describe("odd requests", () => {
  it.each<[string, string, Record<string, string>]>([
    ["GET", "/tools/%/call", {}],
    ["POST", "/tools//call", {}],
    ["POST", "/tools/a/b/call", {}],
    ["PATCH", "/mcp/execute", {}],
    ["OPTIONS", "/mcp/tool", {}],
    ["SEARCH", "/execute", {}],
    ["HEAD", "/tools", {}],
    ["POST", "/mcp/tool", { "content-type": "text/plain; charset=utf-16" }],
    ["POST", "/mcp/tool", { "content-encoding": "gzip" }],
    ["POST", "/mcp/tool", { "content-length": "-1" }],
    ["POST", "/mcp/tool", { "content-length": "many" }],
    ["GET", "/", { accept: "text/html;q=2, ,;;, */*;q=x" }],
    ["GET", "/", { accept: ",".repeat(5_000) }],
    ["GET", "/mcp", { accept: `text/html;q=${"9".repeat(5_000)}` }],
    ["GET", "/tools?token[]=1&__proto__[x]=1", {}],
    ["GET", `/${"a/".repeat(4_000)}`, {}],
    ["GET", "/jobs/%00/metrics", {}],
    ["GET", "/tools", { authorization: `Bearer ${"x".repeat(10_000)}` }],
    ["GET", "/tools", { authorization: "Bearer Bearer Bearer" }],
  ])("%s %s is answered", async (method, path, headers) => {
    await send({ method, path, headers, body: "{}" });
  });
});

describe("300 requests that nobody thought of", () => {
  const junk = fc.oneof(
    fc.json(),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
    fc
      .record(
        {
          name: fc.oneof(
            fc.constant("list-configs"),
            fc.constant("create_training_config"),
            fc.jsonValue(),
          ),
          tool: fc.oneof(fc.constant("start-training"), fc.jsonValue()),
          arguments: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
          parameters: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((body) => JSON.stringify(body)),
    fc
      .tuple(fc.constant('{"name":"list-configs","arguments":{"detail":"full"}}'), fc.nat(60))
      .map(([text, length]) => text.slice(0, length)),
  );
  const request = fc.record({
    method: fc.constantFrom("POST", "POST", "POST", "GET", "PUT", "DELETE"),
    path: fc.oneof(
      fc.constantFrom(...posts),
      fc.webPath().map((path) => `/tools${path === "" ? "/x" : path}/call`),
      fc.webPath().map((path) => (path.startsWith("/") ? path : `/${path}`)),
    ),
    headers: fc.dictionary(
      fc.constantFrom("accept", "content-type", "x-request-id", "mcp-protocol-version"),
      fc.stringMatching(/^[\x21-\x7e]{1,40}$/),
    ),
    body: junk,
  });

  it("none breaks anything, and the next one is answered", async () => {
    await fc.assert(
      fc.asyncProperty(request, async (sent) => {
        await send(sent);
      }),
      { seed: 61_300, numRuns: 300 },
    );
    const after = await yard.fetch("/mcp/tool", {
      method: "POST",
      headers: { authorization: `Bearer ${yard.tokens.admin}` },
      body: '{"name": "list-configs"}',
    });

    expect(after.status).toBe(200);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
