import { describe, expect, it, onTestFinished, vi } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const local = await createYard({ vars: { TRAINYARD_HOSTS: "localhost, 127.0.0.1,[::1]" } });

describe("the host name", () => {
  it.each([
    ["http://localhost:8787/health", 200],
    ["http://127.0.0.1:9/health", 200],
    ["http://[::1]:8787/health", 200],
    ["http://LOCALHOST/health", 200],
    ["http://evil.test/health", 403],
    ["http://localhost.evil.test/health", 403],
    ["http://127.0.0.1.evil.test/health", 403],
    ["http://evillocalhost/health", 403],
  ])("[B50] %s is answered with %i", async (url, status) => {
    const response = await local.fetch(url);

    expect(response.status).toBe(status);
    if (status === 403)
      expect(await response.json()).toMatchObject({ error: { code: "HOST_REFUSED" } });
  });
});

describe("addresses behind a proxy that ends TLS", () => {
  it.each([
    ["https", "https://yard.test"],
    ["HTTPS", "https://yard.test"],
    ["http", "http://yard.test"],
    ["javascript", "http://yard.test"],
    ["", "http://yard.test"],
  ])("begin for X-Forwarded-Proto: %s with %s", async (protocol, begins) => {
    const response = await yard.fetch("/.well-known/mcp", {
      headers: { "x-forwarded-proto": protocol },
    });

    expect(await response.json()).toMatchObject({ mcp_url: `${begins}/mcp` });
  });
});

describe("an address that another header tells", () => {
  it.each([
    ["localhost", 200],
    ["127.0.0.1:9000", 200],
    ["evil.test", 403],
    ["localhost, evil.test", 403],
    ["evil.test@", 403],
    ["", 403],
  ])("[B50] http://localhost/health with Host: %s is answered with %i", async (host, status) => {
    const response = await local.fetch("http://localhost/health", { headers: { host } });

    expect(response.status).toBe(status);
    if (status === 403)
      expect(await response.json()).toMatchObject({ error: { code: "HOST_REFUSED" } });
  });
});

describe("the origin", () => {
  it.each([
    ["http://yard.test/health", null, 200],
    ["http://yard.test/health", "http://yard.test", 200],
    ["http://yard.test/health", "https://yard.test", 200],
    ["http://yard.test/health", "null", 403],
    ["http://yard.test/health", "", 403],
    ["http://yard.test/health", "http://evil.test", 403],
    ["http://yard.test/health", "http://yard.test.evil.test", 403],
    ["http://yard.test/health", "http://evilyard.test", 403],
    ["http://yard.test/health", "http://yard.test:81", 403],
    ["http://yard.test/health", "http://localhost:3000", 403],
    ["http://yard.test/health", "http://yard.test@evil.test", 403],
    ["http://yard.test/health", "file://yard.test", 403],
    ["http://yard.test/health", "chrome-extension://yard.test", 403],
    ["http://localhost:8787/health", "http://localhost:3000", 200],
    ["http://127.0.0.1:8787/health", "http://localhost:3000", 200],
    ["http://[::1]:8787/health", "http://127.0.0.1", 200],
    ["http://localhost:8787/health", "http://localhost.evil.test", 403],
    ["http://localhost:8787/health", "http://evil.test", 403],
  ])("[B49] at %s, %s is answered with %i", async (url, origin, status) => {
    const response = await yard.fetch(url, origin === null ? {} : { headers: { origin } });

    expect(response.status).toBe(status);
    if (status === 403)
      expect(await response.json()).toMatchObject({ error: { code: "ORIGIN_REFUSED" } });
  });

  it.each(["https://evil.example", "null"])("[B49] %s is refused at /mcp too", async (origin) => {
    const response = await yard.fetch("/mcp", {
      method: "POST",
      headers: {
        origin,
        authorization: `Bearer ${yard.tokens.admin}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    });

    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "ORIGIN_REFUSED" } });
  });

  it("is looked at before the token", async () => {
    const response = await yard.fetch("/mcp/tool", {
      method: "POST",
      headers: { origin: "http://evil.test" },
    });

    expect(response.status).toBe(403);
  });
});

describe("a token in the address", () => {
  it.each([
    "token",
    "access_token",
    "auth-token",
    "api_key",
    "apikey",
    "x-api-key",
    "Authorization",
    "bearer",
  ])("[B46] as %s is refused, not accepted and not logged", async (name) => {
    const logs = (["log", "info", "warn", "error", "debug"] as const).map((level) =>
      vi.spyOn(console, level),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    const response = await yard.fetch(`/tools?${name}=${yard.tokens.admin}`);
    const body = (await response.json()) as object;

    expect(response.status).toBe(400);
    expect(body).toMatchObject({ ok: false, error: { code: "TOKEN_IN_QUERY" } });
    expect(JSON.stringify(body)).not.toContain(yard.tokens.admin);
    expect(logs.flatMap(({ mock }) => mock.calls)).toEqual([]);
  });
});

describe("the request id", () => {
  it.each([
    ["mine-1", "mine-1"],
    ["  padded  ", "padded"],
    ["x".repeat(128), "x".repeat(128)],
  ])("%j is kept", async (given, kept) => {
    const response = await yard.fetch("/health", { headers: { "x-request-id": given } });

    expect(response.headers.get("x-request-id")).toBe(kept);
    expect(await response.json()).toMatchObject({ request_id: kept });
  });

  it.each([["x".repeat(129)], [""], ["smörgås"]])("%j is replaced", async (given) => {
    const response = await yard.fetch("/health", { headers: { "x-request-id": given } });

    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("stands in a refusal too", async () => {
    const response = await yard.fetch("/tools", { headers: { "x-request-id": "mine-2" } });

    expect(response.headers.get("x-request-id")).toBe("mine-2");
    expect(await response.json()).toMatchObject({ ok: false, request_id: "mine-2" });
  });
});

describe("an address", () => {
  it("that is not there is 404 in JSON", async () => {
    const response = await yard.fetch("/nothing/here");

    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
  });

  it.each([
    ["GET", "/mcp/tool", "POST"],
    ["POST", "/health", "GET, HEAD"],
    ["DELETE", "/tools", "GET, HEAD"],
    ["POST", "/agent", "GET, HEAD"],
    ["DELETE", "/files/u/abc/def", "GET, HEAD, POST, PUT"],
    ["PUT", "/files/d/abc", "GET, HEAD"],
    ["DELETE", "/jobs/x/metrics", "GET, HEAD"],
  ])("asked with another method (%s %s) is 405 and names %s", async (method, path, allow) => {
    const response = await yard.fetch(path, { method });

    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
  });
});

describe("GET /health", () => {
  it("needs no token and says what answers", async () => {
    const response = await yard.fetch("/health");

    expect(await response.json()).toEqual({
      ok: true,
      request_id: expect.any(String) as string,
      status: "healthy",
      service: "trainyard",
      server: "trainyard",
      version: manifest.version,
      protocol_version: 1,
      auth_enabled: true,
    });
  });

  it.each(["1", "true", " YES ", "on"])("needs one where the operator says %j", async (word) => {
    const closed = await createYard({ vars: { MCP_HTTP_AUTH_FOR_HEALTH: word } });
    const headers = { authorization: `Bearer ${closed.tokens.read}` };

    expect((await closed.fetch("/health")).status).toBe(401);
    expect((await closed.fetch("/health", { headers })).status).toBe(200);
  });

  it.each(["0", "false", "no", "off", "", "perhaps"])("and none where it is %j", async (word) => {
    const open = await createYard({ vars: { MCP_HTTP_AUTH_FOR_HEALTH: word } });

    expect((await open.fetch("/health")).status).toBe(200);
  });
});
