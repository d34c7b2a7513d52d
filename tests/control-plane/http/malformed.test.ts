import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { complaints } from "../../support/calm-answer.ts";
import { brokenBodies, wrongCalls } from "../../support/malformed-bodies.ts";
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

  expect(
    complaints({
      status: response.status,
      contentType: response.headers.get("content-type"),
      text,
      ms: performance.now() - began,
    }),
  ).toEqual([]);
  expect(response.headers.get("x-request-id")).not.toBeNull();
  if (response.status >= 400 && method !== "HEAD") {
    const answer = JSON.parse(text) as Record<string, any>;
    expect(answer["ok"]).toBe(false);
    expect(typeof answer["error"].code).toBe("string");
  }
  return response.status;
}

describe.each(posts)("POST %s", (path) => {
  it.each([...brokenBodies, ...wrongCalls])("refuses or answers %s", async (_what, body) => {
    await send({ method: "POST", path, headers: { "content-type": "application/json" }, body });
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
    ["GET", "/tools", { authorization: "" }],
    ["GET", "/tools", { "x-api-key": "\t" }],
    ["GET", "/tools", { host: "evil.example" }],
    ["GET", "/tools", { origin: "https://evil.example" }],
    ["GET", "/tools", { origin: "://" }],
    ["GET", "/tools/__proto__", {}],
    ["POST", "/tools/__proto__/call", {}],
    ["POST", "/tools/%2e%2e%2fetc/call", {}],
    ["GET", "//evil.example/tools", {}],
    ["GET", "/%ff%fe", {}],
    ["GET", "/jobs/../../etc/passwd/metrics", {}],
    ["GET", "/jobs/job_x/metrics?key=__proto__&from=NaN&to=-1", {}],
    ["GET", "/files/d/AAAA", {}],
    ["PUT", "/files/u/AAAA.BBBB/a.png", { "content-length": "99999999999999999999" }],
    ["PUT", "/files/u/%00/..", {}],
    ["GET", "/files/r/x.y/pdf", {}],
    ["GET", "/agent", { upgrade: "websocket" }],
    ["GET", "/cdn-cgi/local/platform-proxy", { "mf-op": "GET" }],
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
