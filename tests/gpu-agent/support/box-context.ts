import { onTestFinished } from "vitest";
import { AppError } from "@trainyard/shared/errors.ts";
import { openHome } from "../../../gpu-agent/home.ts";
import type { Home } from "../../../gpu-agent/home.ts";
import type { LiveUse } from "../../../gpu-agent/jobs/supervisor.ts";
import type { OperationContext } from "../../../gpu-agent/operations/operation-context.ts";
import { changeTool, runTool } from "../../../gpu-agent/operations/tool.ts";
import { openSpool } from "../../../gpu-agent/spool.ts";
import { agentTools } from "../../../gpu-agent/tools/handlers.ts";
import { createTrainers } from "../../../gpu-agent/trainers/detect.ts";
import { startDatasetScans } from "./dataset-child.ts";
import { temporaryFolder } from "./temporary-home.ts";
import { virtualTime } from "./virtual-time.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface BoxContext {
  readonly home: Home;
  readonly time: VirtualTime;
  readonly context: OperationContext;
  /** What lives on the box; change it as the test goes on. */
  readonly live: LiveUse[];
  /** Output folders that a job of this box made. */
  readonly jobs: Map<string, string>;
  /** One tool as the edge would call it; the answer has been checked against the tool's own schema. */
  readonly call: (tool: string, args?: Record<string, unknown>) => Promise<Record<string, any>>;
  /** The refusal of a call that must be refused. */
  readonly refusal: (tool: string, args?: Record<string, unknown>) => Promise<AppError>;
}

/** The tools of a box without its link: a real home, spool and clock of the test's. */
export function openBoxContext(more: Partial<OperationContext> = {}): BoxContext {
  const home = openHome(temporaryFolder());
  const time = virtualTime();
  const spool = openSpool({ path: home.spool, clock: time, log: () => undefined });
  onTestFinished(() => spool.close());
  const live: LiveUse[] = [];
  const jobs = new Map<string, string>();
  const context = {
    home,
    spool,
    supervisor: {
      jobOfOutput: (name: string) => jobs.get(name) ?? null,
      jobsOfOutputs: () => jobs,
      liveJobs: () => live.map(({ jobId }) => ({ jobId, attempt: 1 })),
      liveUses: () => live,
    },
    trainers: createTrainers([]),
    datasets: startDatasetScans(home),
    time,
    log: () => undefined,
    secrets: [],
    url: "http://127.0.0.1:1",
    signal: new AbortController().signal,
    ...more,
  } as unknown as OperationContext;
  const call: BoxContext["call"] = async (tool, args = {}) => {
    const contract = agentTools.get(tool)?.contract;
    if (contract === undefined) throw new Error(`no tool ${tool}`);
    const run = contract.annotations.readOnlyHint ? runTool : changeTool;
    const answer = await run({ tool, arguments: args }, context);
    contract.output.parse(answer.data);
    return { ...answer.data, text: answer.text };
  };
  return {
    home,
    time,
    context,
    live,
    jobs,
    call,
    async refusal(tool, args) {
      const outcome = await call(tool, args).catch((error: unknown) => error);
      if (outcome instanceof AppError) return outcome;
      throw new Error(`not refused: ${JSON.stringify(outcome)}`);
    },
  };
}

/** A job that lives, with this document and folder. */
export function liveUse(outputName: string, process: Record<string, unknown>): LiveUse {
  return {
    jobId: "job_0123456789abcdefghjkmnpqrs",
    jobName: outputName,
    outputName,
    document: { job: "extension", config: { name: outputName, process: [process] } },
  };
}
