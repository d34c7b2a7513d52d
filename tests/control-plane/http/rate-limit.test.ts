import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createYard } from "../support/yard.ts";
import type { Yard } from "../support/yard.ts";

let now = 1_800_000_000_000;
beforeEach(() => {
  now += 3_600_000;
  vi.spyOn(Date, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

const limited = {
  MCP_HTTP_RATE_LIMIT_ENABLED: "true",
  MCP_HTTP_RATE_LIMIT_MAX_REQUESTS: "3",
  MCP_HTTP_RATE_LIMIT_WINDOW_SECONDS: "60",
};

async function ask(yard: Yard, headers: Record<string, string>, path = "/tools") {
  const response = await yard.fetch(path, {
    headers: { authorization: `Bearer ${yard.tokens.read}`, ...headers },
  });
  return { response, status: response.status };
}

async function statuses(yard: Yard, all: Record<string, string>[]): Promise<number[]> {
  const list: number[] = [];
  for (const headers of all) list.push((await ask(yard, headers)).status);
  return list;
}

const from = (address: string, more: Record<string, string> = {}) => ({
  "cf-connecting-ip": address,
  ...more,
});

describe("the rate limit", () => {
  it("is off unless it is switched on", async () => {
    const yard = await createYard({ vars: { MCP_HTTP_RATE_LIMIT_MAX_REQUESTS: "1" } });

    expect(await statuses(yard, [from("192.0.2.1"), from("192.0.2.1")])).toEqual([200, 200]);
  });

  it("refuses one address with 429, says when to come back, and lets it in then", async () => {
    const yard = await createYard({ vars: limited });
    const same = from("192.0.2.1");

    expect(await statuses(yard, [same, same, same])).toEqual([200, 200, 200]);
    const { response } = await ask(yard, same);
    expect(response.status).toBe(429);
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toMatchObject({
      ok: false,
      error: {
        code: "RATE_LIMITED",
        retryable: true,
        details: { retry_after_seconds: seconds, window_seconds: 60, max_requests: 3 },
      },
    });

    expect((await ask(yard, from("192.0.2.2"))).status).toBe(200);
    now += seconds * 1_000;
    expect((await ask(yard, same)).status).toBe(200);
  });

  it("[W22] counts wrong tokens, before they are looked at", async () => {
    const yard = await createYard({ vars: limited });
    const guess = from("192.0.2.1", { authorization: "Bearer guess" });

    expect(await statuses(yard, [guess, guess, guess, guess])).toEqual([401, 401, 401, 429]);
  });

  it("answers in the dialect of the address", async () => {
    const yard = await createYard({ vars: { ...limited, MCP_HTTP_RATE_LIMIT_MAX_REQUESTS: "1" } });
    await ask(yard, from("192.0.2.1"));
    const { response } = await ask(yard, from("192.0.2.1"), "/mcp/execute");

    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ success: false, result: { isError: true } });
  });

  it("leaves /health and signed links alone", async () => {
    const yard = await createYard({ vars: limited });
    for (let i = 0; i < 5; i += 1) await ask(yard, from("192.0.2.1"), "/health");
    for (let i = 0; i < 5; i += 1) await ask(yard, from("192.0.2.1"), "/files/d/none");

    expect((await ask(yard, from("192.0.2.1"), "/health")).status).toBe(200);
    expect((await ask(yard, from("192.0.2.1"))).status).toBe(200);
  });

  it("[W23] believes no forwarding header of a caller", async () => {
    const yard = await createYard({ vars: limited });
    const forged = ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"].map((address) =>
      from("192.0.2.1", { "x-forwarded-for": address }),
    );

    expect(await statuses(yard, forged)).toEqual([200, 200, 200, 429]);
  });

  it("believes nobody where proxies are trusted but none is named", async () => {
    const yard = await createYard({
      vars: { ...limited, MCP_HTTP_TRUST_PROXY_FOR_RATE_LIMIT: "true" },
    });
    const forged = [1, 2, 3, 4].map((n) =>
      from("192.0.2.1", { "x-forwarded-for": `198.51.100.${n}` }),
    );

    expect(await statuses(yard, forged)).toEqual([200, 200, 200, 429]);
  });

  it("reads a trusted proxy's header from its end, whatever the caller wrote before", async () => {
    const yard = await createYard({
      vars: { ...limited, MCP_HTTP_TRUSTED_PROXY_CIDRS: "10.0.0.0/8, 192.0.2.1" },
    });
    const via = (client: string, claimed: string) =>
      from("192.0.2.1", { "x-forwarded-for": `${claimed}, ${client}, 10.1.2.3` });

    expect(
      await statuses(
        yard,
        [1, 2, 3, 4].map((n) => via("198.51.100.7:4711", `203.0.113.${n}`)),
      ),
    ).toEqual([200, 200, 200, 429]);
    expect((await ask(yard, via("198.51.100.8", "203.0.113.1"))).status).toBe(200);
    // Not by the proxy: its word is nothing.
    expect(
      await statuses(
        yard,
        [1, 2, 3, 4].map((n) => from("203.0.113.200", { "x-forwarded-for": `198.51.100.${n}` })),
      ),
    ).toEqual([200, 200, 200, 429]);
  });

  it("trusts none where the operator switched it off, and reads the header the operator names", async () => {
    const off = await createYard({
      vars: {
        ...limited,
        MCP_HTTP_TRUSTED_PROXY_CIDRS: "192.0.2.1",
        MCP_HTTP_TRUST_PROXY_FOR_RATE_LIMIT: "0",
      },
    });
    const named = await createYard({
      vars: {
        ...limited,
        MCP_HTTP_TRUSTED_PROXY_CIDRS: "192.0.2.1",
        MCP_HTTP_RATE_LIMIT_CLIENT_IP_HEADER: "X-Real-IP",
      },
    });
    const all = [1, 2, 3, 4].map((n) => from("192.0.2.1", { "x-real-ip": `198.51.100.${n}` }));

    expect(await statuses(off, all)).toEqual([200, 200, 200, 429]);
    expect(await statuses(named, all)).toEqual([200, 200, 200, 200]);
  });

  it("takes the local runtime's word over a header", async () => {
    const yard = await createYard({
      vars: { ...limited, TRAINYARD_CONNECTING_ADDRESS: "127.0.0.1" },
    });

    expect(
      await statuses(
        yard,
        [1, 2, 3, 4].map((n) => from(`198.51.100.${n}`)),
      ),
    ).toEqual([200, 200, 200, 429]);
  });

  it("counts callers of no address, and odd settings, together and still", async () => {
    const yard = await createYard({
      vars: { ...limited, MCP_HTTP_RATE_LIMIT_CLIENT_IP_HEADER: "no header\n" },
    });

    expect(await statuses(yard, [{}, from("nonsense"), {}, {}])).toEqual([200, 200, 200, 429]);
  });
});
