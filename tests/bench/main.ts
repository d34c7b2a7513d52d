// npm run bench [-- NAME ...]: prints the figures of docs/benchmarks.md. Nothing here is a test.
import { cpus } from "node:os";
import { benchAgent } from "./agent.ts";
import { benchGuardrails } from "./guardrails.ts";
import { benchIngest } from "./ingest.ts";
import { benchLatency } from "./latency.ts";
import { benchReady } from "./ready.ts";
import { benchRequests } from "./requests.ts";
import { benchRows } from "./rows.ts";
import { benchTrainer } from "./trainer.ts";

const benches: Readonly<Record<string, () => Promise<void>>> = {
  ready: benchReady,
  requests: benchRequests,
  rows: benchRows,
  ingest: benchIngest,
  latency: benchLatency,
  agent: benchAgent,
  trainer: benchTrainer,
  guardrails: benchGuardrails,
};

const asked = process.argv.slice(2);
console.log(
  `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}; everything on loopback and on these cores`,
);
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n# ${name}`);
  await bench();
}
