import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseAllowList } from "@trainyard/shared/alerts/url-policy.ts";
import { createOutbound, isPublicAddress } from "../../gpu-agent/cli/up/outbound.ts";

async function listen(status: number, headers: Record<string, string> = {}) {
  const seen: { url: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(status, headers).end("a text that stays here");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { seen, port: (server.address() as AddressInfo).port };
}

const request = (url: string) => ({
  url,
  method: "POST",
  headers: [
    ["content-type", "application/json"],
    ["webhook-id", "dlv_1"],
    ["mf-secret", "x"],
  ] as const,
  body: Buffer.from("{}"),
});

describe("[W21] the local way out", () => {
  it("[B39] refuses a public name with a private address, and connects to nothing", async () => {
    const { seen, port } = await listen(200);
    const outbound = createOutbound(new Set(), async () => [{ address: "127.0.0.1" }]);

    expect(await outbound(request(`http://hooks.example.com:${port}/x`))).toEqual({
      status: 502,
      headers: { "x-trainyard-outbound": "address-refused" },
    });
    expect(seen).toEqual([]);
  });

  it("refuses a name of which one address alone is private", async () => {
    const outbound = createOutbound(new Set(), async () => [
      { address: "93.184.216.34" },
      { address: "10.0.0.5" },
    ]);

    expect((await outbound(request("https://hooks.example.com/"))).headers).toHaveProperty(
      "x-trainyard-outbound",
    );
  });

  it("goes to the address it looked at, with the Worker's own headers, and keeps no text", async () => {
    const { seen, port } = await listen(429, { "retry-after": "7", "x-other": "y" });
    const allow = parseAllowList(`nas.lan:${port}`);
    const outbound = createOutbound(allow, async () => [{ address: "127.0.0.1" }]);

    expect(await outbound(request(`http://nas.lan:${port}/in?a=b`))).toEqual({
      status: 429,
      headers: { "retry-after": "7" },
    });
    expect(seen).toMatchObject([
      { url: "/in?a=b", body: "{}", headers: { host: `nas.lan:${port}`, "webhook-id": "dlv_1" } },
    ]);
    expect(seen[0]?.headers).not.toHaveProperty("mf-secret");
  });

  it("[B40] follows no redirect", async () => {
    const target = await listen(200);
    const { port } = await listen(302, { location: `http://127.0.0.1:${target.port}/` });
    const outbound = createOutbound(parseAllowList(`127.0.0.1:${port}`));

    expect((await outbound(request(`http://127.0.0.1:${port}/`))).status).toBe(302);
    expect(target.seen).toEqual([]);
  });

  it("says that it failed when there is no such name, or nobody there", async () => {
    const nobody = createOutbound(new Set(), () => Promise.reject(new Error("ENOTFOUND")));
    const closed = createOutbound(parseAllowList("127.0.0.1:1"));

    const failed = { status: 502, headers: { "x-trainyard-outbound": "failed" } };
    expect(await nobody(request("https://a.example.com/"))).toEqual(failed);
    expect(await closed(request("http://127.0.0.1:1/"))).toEqual(failed);
  });

  it("says that it failed when the connection is reset", async () => {
    const server = createServer((_request, response) => void response.socket?.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const outbound = createOutbound(parseAllowList(`127.0.0.1:${port}`));

    expect((await outbound(request(`http://127.0.0.1:${port}/`))).headers).toEqual({
      "x-trainyard-outbound": "failed",
    });
  });

  it("[B42] closes the connection of a receiver whose answer does not end", async () => {
    const closed = Promise.withResolvers<number>();
    let written = 0;
    const server = createServer((_request, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(64 * 1024))) written += 1;
      };
      response.on("drain", write);
      response.on("close", () => closed.resolve(written));
      response.writeHead(200);
      write();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const outbound = createOutbound(parseAllowList(`127.0.0.1:${port}`));

    expect(await outbound(request(`http://127.0.0.1:${port}/`))).toEqual({
      status: 200,
      headers: {},
    });
    // What fits into the sockets' own buffers, of an answer without end.
    expect(await closed.promise).toBeLessThan(1_000);
  });

  it("hands on a receiver's own 502 without its mark", async () => {
    const { port } = await listen(502, { "x-trainyard-outbound": "failed" });
    const outbound = createOutbound(parseAllowList(`127.0.0.1:${port}`));

    expect(await outbound(request(`http://127.0.0.1:${port}/`))).toEqual({
      status: 502,
      headers: {},
    });
  });
});

describe("an address is public", () => {
  it.each(["93.184.216.34", "8.8.8.8", "172.15.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "%s",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "127.0.0.53",
    "169.254.169.254",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
  ])("not %s", (address) => expect(isPublicAddress(address)).toBe(false));
});
