import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { complaints } from "../../support/calm-answer.ts";
import { brokenBodies } from "../../support/malformed-bodies.ts";
import { envelopes, wrongHeaders, wrongParams } from "../../support/malformed-messages.ts";
import { modernMeta } from "../support/mcp-client.ts";
import { createYard, rpc } from "../support/yard.ts";

const yard = await createYard();

type Headers = Readonly<Record<string, string>>;
const eras: readonly (readonly [string, Headers])[] = [
  ["2025-11-25", { "mcp-protocol-version": "2025-11-25" }],
  ["2026-07-28", { "mcp-protocol-version": "2026-07-28" }],
];

/** No 5xx, no internal error, no stack, always JSON, soon. */
async function send(body: BodyInit, headers: Headers = {}, path = "/mcp"): Promise<void> {
  const began = performance.now();
  const response = await yard.fetch(path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${yard.tokens.admin}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body,
  });
  const answered = {
    status: response.status,
    contentType: response.headers.get("content-type"),
    text: await response.text(),
    ms: performance.now() - began,
  };

  expect(complaints(answered)).toEqual([]);
}

/** As a client of the new revision sends it: what the headers say stands in the message too. */
function modern(body: string): { body: string; headers: Headers } {
  const message = JSON.parse(body) as Record<string, any>;
  const { method, params } = message;
  const plain = (text: unknown): text is string =>
    typeof text === "string" && /^[\x21-\x7e]{1,200}$/.test(text);
  if (typeof params === "object" && params !== null && !Array.isArray(params)) {
    params["_meta"] ??= modernMeta;
  }
  const name = params?.["name"] ?? params?.["uri"] ?? params?.["taskId"];
  return {
    body: JSON.stringify(message),
    headers: {
      "mcp-protocol-version": "2026-07-28",
      ...(plain(method) ? { "mcp-method": method } : {}),
      ...(plain(name) ? { "mcp-name": name } : {}),
    },
  };
}

describe.each(eras)("a client of %s", (_era, headers) => {
  it.each(brokenBodies)("that sends %s is refused or answered", async (_what, body) => {
    await send(body, headers);
  });

  it.each(envelopes)("that sends %s is refused or answered", async (_what, body) => {
    await send(body, headers);
  });
});

describe("wrong parameters", () => {
  it.each(wrongParams)("%s", async (_what, body) => {
    await send(body, { "mcp-protocol-version": "2025-11-25" });
    const again = modern(body);
    await send(again.body, again.headers);
  });
});

describe("what a misshapen message is told", () => {
  const shape = (what: string) => expect.stringMatching(`^INVALID_ARGUMENT: This is no ${what}`);

  it.each([
    ["initialize", {}, "initialize. params.protocolVersion: Invalid input: expected string"],
    ["tools/call", { name: 7 }, "tools/call. params.name: Invalid input: expected string"],
    ["resources/read", {}, "resources/read. params.uri: Invalid input: expected string"],
    ["tools/list", { cursor: 7 }, "tools/list. params.cursor: Invalid input: expected string"],
  ])("%s: a sentence, and the number of wrong parameters", async (method, params, told) => {
    const answer = await rpc(yard, "/mcp", method, params);

    expect(answer["error"]).toEqual({
      code: -32_602,
      message: shape(told),
      data: { code: "INVALID_ARGUMENT" },
    });
  });
});

describe("wrong headers", () => {
  it.each(wrongHeaders)("%s", async (_what, headers, body) => {
    await send(body, headers);
    await send(body, headers, "/messages");
  });
});

describe("500 messages that nobody thought of", () => {
  const meant: readonly (readonly [string, object])[] = [
    [
      "initialize",
      { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
    ],
    ["server/discover", {}],
    ["tools/list", { cursor: "a" }],
    ["tools/call", { name: "list-configs", arguments: { detail: "full" } }],
    [
      "tools/call",
      {
        name: "create-training-config",
        arguments: { name: "a", model_name: "tiny", dataset_path: "b", steps: 5 },
      },
    ],
    [
      "tools/call",
      { name: "get-training-status", arguments: { job_id: "job_1" }, task: { ttl: 1 } },
    ],
    [
      "tools/call",
      {
        name: "delete-config",
        arguments: { name: "a" },
        requestState: "a",
        inputResponses: { a: { action: "accept", content: { b: true } } },
      },
    ],
    ["resources/read", { uri: "trainyard://jobs" }],
    ["resources/templates/list", { cursor: "a" }],
    ["prompts/get", { name: "train", arguments: { a: "b" } }],
    [
      "completion/complete",
      {
        ref: { type: "ref/prompt", name: "train" },
        argument: { name: "a", value: "b" },
        context: { arguments: {} },
      },
    ],
    ["tasks/get", { taskId: "job_1" }],
    ["logging/setLevel", { level: "info" }],
  ];
  /** One place of a good message holds something else, or is gone, or the end is cut off. */
  const mutated = fc
    .record({
      of: fc.constantFrom(...meant),
      place: fc.nat(),
      value: fc.oneof(
        fc.jsonValue(),
        fc.constantFrom("__proto__", "\u0000", "../..", -1, 1e308, [[[[]]]], { toString: 1 }),
      ),
      how: fc.constantFrom("value", "value", "value", "gone", "cut"),
    })
    .map(({ of: [method, params], place, value, how }) => {
      const message = structuredClone({ jsonrpc: "2.0", id: 1, method, params });
      if (how === "cut") {
        const text = JSON.stringify(message);
        return text.slice(0, place % text.length);
      }
      const places = holders(message);
      const [holder, key] = places[place % places.length] as (typeof places)[number];
      if (how === "gone") delete holder[key];
      else holder[key] = value;
      return JSON.stringify(message);
    });
  const sent = fc.record({
    body: fc.oneof({ arbitrary: mutated, weight: 8 }, { arbitrary: fc.json(), weight: 1 }),
    path: fc.constantFrom("/mcp", "/mcp/core", "/mcp/all", "/messages", "/mcp/rpc"),
    asModern: fc.boolean(),
    headers: fc.dictionary(
      fc.constantFrom("mcp-protocol-version", "mcp-method", "mcp-name", "accept", "content-type"),
      fc.stringMatching(/^[\x21-\x7e]{1,40}$/),
      { maxKeys: 1 },
    ),
  });

  it("none breaks anything, and the next one is answered", async () => {
    await fc.assert(
      fc.asyncProperty(sent, async ({ body, path, asModern, headers }) => {
        const whole = asModern && isMessage(body) ? modern(body) : { body, headers: {} };
        await send(whole.body, { ...whole.headers, ...headers }, path);
      }),
      { seed: 61_301, numRuns: 500 },
    );
    const after = await rpc(yard, "/mcp", "tools/call", { name: "list-configs", arguments: {} });

    expect(after).toMatchObject({ result: { structuredContent: { count: 0 } } });
    expect(({} as Record<string, unknown>)["detail"]).toBeUndefined();
  });
});

function isMessage(body: string): boolean {
  try {
    const message: unknown = JSON.parse(body);
    return typeof message === "object" && message !== null && !Array.isArray(message);
  } catch {
    return false;
  }
}

/** Every key at every depth, with the object that holds it. */
function holders(value: Record<string, any>): [Record<string, any>, string][] {
  return Object.keys(value).flatMap((key) => {
    const inside: unknown = value[key];
    const deeper =
      typeof inside === "object" && inside !== null ? holders(inside as Record<string, any>) : [];
    return [[value, key] as [Record<string, any>, string], ...deeper];
  });
}
