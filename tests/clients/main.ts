// npm run test:clients [-- NAME...]: other people's MCP clients, each from connecting to a verified model, on a local Trainyard. Those
// that are not installed are named with the command that installs them; nothing is installed by itself.
import { createHash } from "node:crypto";
import { pictures, startTrainyard } from "../support/trainyard.ts";
import { clientsFolder, missing } from "./client.ts";
import type { RealClient, Trained, Yard } from "./client.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { inspectors } from "./inspector.ts";
import { mcpRemote } from "./mcp-remote.ts";
import { pythonClients } from "./python.ts";

const asked = process.argv.slice(2).map((word) => word.toLowerCase());
const clients: readonly RealClient[] = [
  ...inspectors,
  ...pythonClients,
  mcpRemote,
  claudeCode,
  codex,
].filter(
  ({ name }) => asked.length === 0 || asked.some((word) => name.toLowerCase().includes(word)),
);

const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(" | ")} |`);

/** Downloads by the link, without a token, and reads the file: its hash is the one that was told, its header is a model's. */
async function verify({ downloadUrl, sha256 }: Trained): Promise<string> {
  const response = await fetch(downloadUrl);
  const bytes = Buffer.from(await response.arrayBuffer());
  const found = createHash("sha256").update(bytes).digest("hex");
  if (response.status !== 200 || found !== sha256) throw new Error(`the model is not ${sha256}`);
  const header = JSON.parse(
    bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString(),
  ) as object;
  const tensors = Object.keys(header).filter((key) => key !== "__metadata__").length;
  return `${bytes.byteLength.toLocaleString("en")} bytes, ${tensors} tensors`;
}

const trainyard = await startTrainyard({ env: { TRAINYARD_TINY_PIXELS: "64" } });
try {
  await trainyard.upload("shapes", await pictures(20));
  const yard: Yard = {
    mcpUrl: trainyard.ready.mcp_url,
    token: trainyard.ready.token,
    dataset: "shapes",
  };
  row(["client", "version", "revision", "tools", "model, downloaded and verified", "seconds", ""]);
  row(["---", "---", "---", "---:", "---", "---:", "---"]);
  for (const [place, client] of clients.entries()) {
    const absent = missing(client);
    if (absent.length > 0) {
      row([client.name, client.version, "", "", "skipped", "", `install: \`${client.install}\``]);
      continue;
    }
    const beganMs = performance.now();
    try {
      const trained = await client.train(yard, `client-${place}`);
      const model = await verify(trained);
      const status = await trainyard.call("get-training-status", { job_id: trained.jobId });
      if (status.data["status"] !== "completed") throw new Error("the job is not completed");
      const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
      row([
        client.name,
        client.version,
        trained.revision,
        trained.tools,
        model,
        seconds,
        trained.note,
      ]);
    } catch (error) {
      process.exitCode = 1;
      row([client.name, client.version, "", "", "**failed**", "", String(error)]);
    }
  }
  console.log(`\nClients are looked for in ${clientsFolder} (TRAINYARD_CLIENTS_DIR).`);
} finally {
  await trainyard.close();
}
