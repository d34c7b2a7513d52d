import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { openHome } from "../../../gpu-agent/home.ts";
import type { Home } from "../../../gpu-agent/home.ts";
import type { LiveUse } from "../../../gpu-agent/jobs/supervisor.ts";
import { createHostFacts } from "../../../gpu-agent/host/host-facts.ts";
import type { OperationContext } from "../../../gpu-agent/operations/operation-context.ts";
import { openSpool } from "../../../gpu-agent/spool.ts";
import { systemTime } from "../../../gpu-agent/time.ts";
import { createTrainers } from "../../../gpu-agent/trainers/detect.ts";
import type { Intake } from "../../../gpu-agent/uploads/intake/intake.ts";
import { startDatasetScans } from "./dataset-child.ts";
import { startIntake } from "./intake-child.ts";
import { temporaryFolder } from "./temporary-home.ts";

export type EdgeHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A box with a home of its own, whose operations are called as the link would, and a real server as the edge. */
export async function openBox(
  edge: EdgeHandler = (_request, response) => response.writeHead(404).end(),
  options: {
    readonly live?: readonly string[];
    /** What jobs that live read and write; asked at each use. */
    readonly uses?: () => readonly LiveUse[];
    readonly outputs?: Record<string, string>;
    readonly intake?: Intake;
  } = {},
): Promise<{ readonly home: Home; readonly context: OperationContext }> {
  const home = openHome(temporaryFolder());
  const server = createServer((request, response) => edge(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const spool = openSpool({ path: home.spool, clock: systemTime, log: () => undefined });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    spool.close();
  });
  const outputs = new Map(Object.entries(options.outputs ?? {}));
  const context = {
    home,
    spool,
    supervisor: {
      jobOfOutput: (name: string) => outputs.get(name) ?? null,
      jobsOfOutputs: () => outputs,
      findOutput: (folder: string) => ({ root: home.outputs, folder }),
      liveUses: options.uses ?? (() => []),
      liveJobs: () => (options.live ?? []).map((jobId) => ({ jobId, attempt: 1 })),
    },
    trainers: createTrainers([]),
    ui: null,
    host: createHostFacts({
      time: systemTime,
      queryGpus: async () => null,
      system: { vitals: async () => null, graphics: async () => null },
    }),
    datasets: startDatasetScans(home),
    intake: options.intake ?? startIntake(),
    time: systemTime,
    log: () => undefined,
    secrets: [],
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signal: new AbortController().signal,
  } as unknown as OperationContext;
  return { home, context };
}
