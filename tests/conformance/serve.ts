import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { startControlPlane } from "../../gpu-agent/cli/up/control-plane.ts";
import { loadOrCreateSecrets, tokenGrants } from "../../gpu-agent/cli/up/secrets.ts";
import { root } from "../support/trainyard.ts";

export interface Served {
  /** The product's own MCP address, and the same code with the suite's fixtures; the token is put in on the way. */
  readonly product: string;
  readonly fixtures: string;
  close(): Promise<void>;
}

/** The real control plane in workerd. The suite cannot send a token, so a proxy on loopback adds it, and nothing else. */
export async function serve(): Promise<Served> {
  const home = mkdtempSync(join(tmpdir(), "ty-conformance-"));
  const workerPath = join(home, "worker.js");
  await build({
    absWorkingDir: root,
    entryPoints: ["tests/control-plane/conformance/fixture-worker.ts"],
    outfile: workerPath,
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers", "node:*"],
    logLevel: "warning",
  });
  const secrets = loadOrCreateSecrets(home);
  const controlPlane = await startControlPlane({
    homeRoot: home,
    port: 0,
    workerPath,
    bindingsPath: join(root, "dist", "control-plane", "bindings.json"),
    vars: {
      TRAINYARD_HOSTS: "127.0.0.1,localhost",
      TRAINYARD_TOKENS: tokenGrants(secrets, "owner"),
      TRAINYARD_AGENTS: "[]",
      TRAINYARD_LINK_KEY: secrets.linkKey,
    },
    log: () => undefined,
  });
  const proxy = createServer((incoming, outgoing) => {
    const forwarded = request(
      controlPlane.url + (incoming.url ?? "/"),
      {
        method: incoming.method,
        headers: { ...incoming.headers, authorization: `Bearer ${secrets.ownerToken}` },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    product: `${origin}/mcp`,
    fixtures: `${origin}/fixtures/mcp`,
    close: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      await controlPlane.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
