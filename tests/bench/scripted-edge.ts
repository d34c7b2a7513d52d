import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { startControlPlane } from "../../gpu-agent/cli/up/control-plane.ts";
import { loadOrCreateSecrets, tokenGrants } from "../../gpu-agent/cli/up/secrets.ts";
import { loadOrCreateIdentity, openHome } from "../../gpu-agent/home.ts";
import type { Usage } from "../../control-plane/usage.ts";
import { connectScriptedAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent } from "../support/scripted-agent.ts";
import { root } from "../support/trainyard.ts";

export interface ScriptedEdge {
  readonly url: string;
  readonly agent: ScriptedAgent;
  readonly jobId: string;
  call(tool: string, args: Record<string, unknown>): Promise<Record<string, any>>;
  usage(): Promise<{ hub: Usage; job: Usage }>;
  close(): Promise<void>;
}

/** The real control plane in workerd, with a job given to a scripted agent. */
export async function startScriptedEdge(): Promise<ScriptedEdge> {
  const home = mkdtempSync(join(tmpdir(), "ty-bench-"));
  const workerPath = join(home, "worker.js");
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
  const identity = loadOrCreateIdentity(openHome(home));
  const secrets = loadOrCreateSecrets(home);
  const controlPlane = await startControlPlane({
    homeRoot: home,
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
  const agent = await connectScriptedAgent(controlPlane.url, identity);
  const call = async (
    tool: string,
    args: Record<string, unknown>,
  ): Promise<Record<string, any>> => {
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
  };
  await call("create-training-config", {
    name: "bench",
    model_name: "tiny",
    dataset_path: "bench",
    steps: 1_000_000,
  });
  const started = await call("start-training", { config_name: "bench" });
  const jobId = String(started["job_id"]);
  return {
    url: controlPlane.url,
    agent,
    jobId,
    call,
    usage: async () =>
      (await (await fetch(`${controlPlane.url}/bench/usage?job=${jobId}`)).json()) as {
        hub: Usage;
        job: Usage;
      },
    close: async () => {
      agent.close();
      await controlPlane.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
