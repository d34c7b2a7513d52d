import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { startControlPlane } from "../../gpu-agent/cli/up/control-plane.ts";
import { loadOrCreateSecrets, tokenGrants } from "../../gpu-agent/cli/up/secrets.ts";
import { loadOrCreateIdentity, openHome } from "../../gpu-agent/home.ts";
import type { Home, Identity } from "../../gpu-agent/home.ts";
import { root } from "../support/trainyard.ts";

export interface BenchEdge {
  readonly url: string;
  readonly home: Home;
  readonly identity: Identity;
  /** Of workerd. */
  pid(): number;
  call(tool: string, args: Record<string, unknown>): Promise<Record<string, any>>;
  close(): Promise<void>;
}

/** The product's Worker in workerd, with the benchmark's own doors beside it (`bench-worker.ts`). No agent yet. */
export async function startBenchEdge(parent = tmpdir()): Promise<BenchEdge> {
  const homeRoot = mkdtempSync(join(parent, "ty-bench-"));
  const workerPath = join(homeRoot, "worker.js");
  await build({
    absWorkingDir: root,
    entryPoints: ["tests/control-plane/bench-worker.ts"],
    outfile: workerPath,
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers", "node:*"],
    minify: true,
    logLevel: "warning",
  });
  const home = openHome(homeRoot);
  const identity = loadOrCreateIdentity(home);
  const secrets = loadOrCreateSecrets(homeRoot);
  const controlPlane = await startControlPlane({
    homeRoot,
    port: 0,
    workerPath,
    bindingsPath: join(root, "dist", "control-plane", "bindings.json"),
    vars: {
      TRAINYARD_HOSTS: "127.0.0.1",
      TRAINYARD_TOKENS: tokenGrants(secrets, "owner"),
      TRAINYARD_AGENTS: JSON.stringify([
        { owner: "owner", agentId: identity.agentId, publicKey: identity.publicKey },
      ]),
      TRAINYARD_LINK_KEY: secrets.linkKey,
    },
    log: () => undefined,
  });
  return {
    url: controlPlane.url,
    home,
    identity,
    pid: () => controlPlane.pid(),
    async call(tool, args) {
      const response = await fetch(`${controlPlane.url}/mcp/tool`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${secrets.ownerToken}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ name: tool, arguments: args }),
      });
      const body = (await response.json()) as Record<string, any>;
      if (!response.ok) throw new Error(JSON.stringify(body));
      return body["data"] as Record<string, any>;
    },
    close: async () => {
      await controlPlane.close();
      rmSync(homeRoot, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
