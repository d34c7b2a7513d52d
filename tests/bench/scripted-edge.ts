import type { Usage } from "../../control-plane/usage.ts";
import { connectScriptedAgent } from "../support/scripted-agent.ts";
import type { ScriptedAgent } from "../support/scripted-agent.ts";
import { startBenchEdge } from "./bench-edge.ts";

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
  const edge = await startBenchEdge();
  const agent = await connectScriptedAgent(edge.url, edge.identity);
  await edge.call("create-training-config", {
    name: "bench",
    model_name: "tiny",
    dataset_path: "bench",
    steps: 1_000_000,
  });
  const started = await edge.call("start-training", { config_name: "bench" });
  const jobId = String(started["job_id"]);
  return {
    url: edge.url,
    agent,
    jobId,
    call: (tool, args) => edge.call(tool, args),
    usage: async () =>
      (await (await fetch(`${edge.url}/bench/usage?job=${jobId}`)).json()) as {
        hub: Usage;
        job: Usage;
      },
    close: async () => {
      agent.close();
      await edge.close();
    },
  };
}
