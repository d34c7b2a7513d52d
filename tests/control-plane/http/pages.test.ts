import { describe, expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { clientSettings } from "../../../control-plane/http/client-settings.ts";
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

async function page(path: string) {
  const response = await yard.fetch(path, { headers: { accept: browser } });
  return { response, text: await response.text() };
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}

const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

describe.each(["/", "/mcp", "/mcp/core", "/mcp/readonly"])("GET %s in a browser", (path) => {
  it("is a small page without a token and without anything from elsewhere", async () => {
    const { response, text } = await page(path);

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("vary")).toContain("accept");
    expect(text.length).toBeLessThan(10_000);
    expect(text).toMatch(/^<!doctype html><html lang="en">/);
    expect(text).not.toMatch(/\b(?:src|action|formaction)=|@import|url\(|\son\w+=|style="/);
    expect([...text.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toSatisfy(
      (links: string[]) => links.every((href) => href === "data:," || href.startsWith("/")),
    );
    expect(text).toContain("color-scheme:light dark");
  });

  it("has a policy that names its own style and script by hash, and nothing more", async () => {
    const { response, text } = await page(path);
    const policy = response.headers.get("content-security-policy") ?? "";
    const style = /<style>([^]*)<\/style>/.exec(text)?.[1] ?? "";
    const script = /<script>([^]*)<\/script>/.exec(text)?.[1];

    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`style-src ${await sha256(style)};`);
    if (script === undefined) expect(policy).not.toContain("script-src");
    else expect(policy).toContain(`script-src ${await sha256(script)};`);
  });
});

describe("the welcome page", () => {
  it("gives each client its setting, with this address and a button to copy it", async () => {
    const { text } = await page("/mcp/core");
    const settings = clientSettings("http://yard.test/mcp/core");

    expect(settings.length).toBeGreaterThanOrEqual(6);
    for (const setting of settings) expect(unescaped(text)).toContain(setting.text);
    expect(text.match(/<button /g)).toHaveLength(settings.length + 1);
    expect(text).toContain("http://yard.test/mcp/core");
  });

  it.each(clientSettings("http://yard.test/mcp").filter(({ text }) => text.startsWith("{")))(
    "has JSON for $client",
    ({ text }) => {
      expect(JSON.stringify(JSON.parse(text))).toContain("http://yard.test/mcp");
      expect(text).toContain("YOUR_TOKEN");
    },
  );

  it("[B60] escapes what it is called by", async () => {
    const { text } = await page("http://a'b&c.test/mcp");

    expect(text).not.toContain("a'b&c");
    expect(text).toContain("a&#39;b&amp;c.test");
  });

  it.each([
    ["no Accept", {}],
    ["anything", { accept: "*/*" }],
    ["an event stream", { accept: "text/event-stream" }],
    ["JSON or an event stream", { accept: "application/json, text/event-stream" }],
    ["a page only as a second choice", { accept: "text/event-stream, text/html;q=0.5" }],
  ])("is not what a program gets that asks for %s", async (_what, headers) => {
    const response = await yard.fetch("/mcp", { headers: headers as Record<string, string> });

    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toContain("application/json");
  });

  it("leaves MCP's own refusal of a stream as it is", async () => {
    const response = await yard.fetch("/mcp", {
      headers: { accept: "text/event-stream", authorization: `Bearer ${yard.tokens.admin}` },
    });

    expect(response.status).toBe(405);
  });
});

describe("GET /", () => {
  it("is JSON for programs", async () => {
    const response = await yard.fetch("/", { headers: { accept: "*/*" } });

    expect(response.headers.get("vary")).toContain("accept");
    expect(await response.json()).toMatchObject({
      ok: true,
      request_id: expect.any(String) as string,
      service: "trainyard",
      version: manifest.version,
      mcp_url: "http://yard.test/mcp",
      endpoints: { "/mcp/tool": expect.any(String) as string },
    });
  });

  it("lists what is there", async () => {
    const response = await yard.fetch("/");
    const { endpoints } = (await response.json()) as { endpoints: Record<string, string> };
    for (const path of Object.keys(endpoints)) {
      const found = await yard.fetch(path);
      expect([200, 401, 405], path).toContain(found.status);
    }
  });
});
