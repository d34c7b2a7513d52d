import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { noGuardrailRules } from "@trainyard/shared/analysis/guards/guardrails.ts";
import { newJobId } from "@trainyard/shared/ids.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { fromWireValue } from "@trainyard/shared/protocol/items.ts";
import type { Item, StateItem } from "@trainyard/shared/protocol/items.ts";
import type { Announce, Announced } from "@trainyard/shared/protocol/messages.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { openHome } from "../../../gpu-agent/home.ts";
import type { Home } from "../../../gpu-agent/home.ts";
import type { ProcessView } from "../../../gpu-agent/jobs/process-identity.ts";
import { createSupervisor } from "../../../gpu-agent/jobs/supervisor.ts";
import type { Supervisor } from "../../../gpu-agent/jobs/supervisor.ts";
import { openSpool } from "../../../gpu-agent/spool.ts";
import type { Spool } from "../../../gpu-agent/spool.ts";
import { openUi } from "../../../gpu-agent/trainers/ai-toolkit-ui/open-ui.ts";
import type { UiJobs } from "../../../gpu-agent/trainers/ai-toolkit-ui/ui-jobs.ts";
import { createTrainers } from "../../../gpu-agent/trainers/detect.ts";
import { safetensors } from "../../support/safetensors.ts";
import { barLine, startScriptedUi } from "../../support/scripted-ui.ts";
import type { ScriptedUi, UiRow } from "../../support/scripted-ui.ts";
import { temporaryFolder } from "./temporary-home.ts";
import { virtualTime } from "./virtual-time.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Processes of this box: pid → the config that it was started with. */
interface FakeProcesses extends ProcessView {
  readonly alive: Map<number, string>;
  readonly signals: [number, string][];
}

export interface UiBox {
  readonly home: Home;
  readonly spool: Spool;
  readonly supervisor: Supervisor;
  readonly jobs: UiJobs;
  /** What was introduced to the edge. */
  readonly announces: Announce["job"][];
  items(jobId: string, attempt?: number): readonly Item[];
  close(): void;
}

export interface UiWorld {
  readonly ui: ScriptedUi;
  readonly time: VirtualTime;
  readonly processes: FakeProcesses;
  readonly secrets: string[];
  open(options?: UiBoxOptions): UiBox;
  /** Lets virtual time pass, and the real server answer, until it is so. */
  until<Value>(what: string, look: () => Value | null | undefined | false): Promise<Value>;
  pass(ms: number): Promise<void>;
}

interface UiBoxOptions {
  readonly home?: Home;
  readonly bootId?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Folders that policy.json names; the UI's own training folder unless told. */
  readonly roots?: readonly string[];
  readonly edge?: (job: Announce["job"]) => Announced["outcome"] | null;
}

const unknownAtEdge: Announced["outcome"] = {
  ok: true,
  attempt: 0,
  acked: 0,
  state: "queued",
  lastStep: null,
};

/** A box and a Web UI, on one virtual clock; the requests between them are real. */
export async function openUiWorld(): Promise<UiWorld> {
  const ui = await startScriptedUi(temporaryFolder("ty-ui-"));
  onTestFinished(() => ui.close());
  const time = virtualTime();
  const processes = fakeProcesses();

  const io = async (): Promise<void> => {
    for (let quiet = 0; quiet < 4; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (ui.inFlight() > 0) quiet = 0;
    }
  };
  const world: UiWorld = {
    ui,
    time,
    processes,
    secrets: [],
    open: (options = {}) => openBox(world, options),
    async until(what, look) {
      for (let round = 0; round < 4_000; round += 1) {
        const found = look();
        if (found !== null && found !== undefined && found !== false) return found;
        await time.advance(500);
        await io();
      }
      throw new Error(`it never happened: ${what}`);
    },
    async pass(ms) {
      for (let gone = 0; gone < ms; gone += 500) {
        await time.advance(500);
        await io();
      }
    },
  };
  return world;
}

function openBox(world: UiWorld, options: UiBoxOptions): UiBox {
  const { ui, time, processes } = world;
  const home = options.home ?? openHome(temporaryFolder());
  const roots = options.roots ?? [ui.settings.TRAINING_FOLDER];
  writeFileSync(home.policy, JSON.stringify({ ai_toolkit_ui_roots: roots }));
  const spool = openSpool({ path: home.spool, clock: time, log: () => undefined });
  const stopping = new AbortController();
  const announces: Announce["job"][] = [];
  const base = {
    home,
    time,
    log: () => undefined,
    processes,
    bootId: options.bootId ?? "boot",
    signal: (pid: number, name: string) => void processes.signals.push([pid, name]),
    secrets: world.secrets.map((value) => ({ value })),
  };
  const opened = openUi({
    ...base,
    environment: {
      AI_TOOLKIT_SERVER_URL: ui.url,
      AI_TOOLKIT_PATH: join(home.root, "no-toolkit"),
      ...options.environment,
    },
    stopping: stopping.signal,
    random: () => 0.5,
  });
  const supervisor = createSupervisor(
    {
      ...base,
      spool,
      launchShim: () => {
        throw new Error("nothing is started by us");
      },
      onCommitted: () => undefined,
    },
    createTrainers([opened.trainer]),
  );
  const edge = options.edge ?? (() => unknownAtEdge);
  const jobs: UiJobs = opened.jobs({
    spool,
    supervisor,
    announce(job) {
      announces.push(job);
      const outcome = edge(job);
      if (outcome !== null)
        void Promise.resolve().then(() =>
          jobs.answered({ type: "announced", epoch: 1, jobId: job.jobId, outcome }),
        );
      return true;
    },
    release: () => undefined,
  });
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    stopping.abort();
    jobs.close();
    supervisor.close();
    spool.close();
  };
  onTestFinished(close);
  return {
    home,
    spool,
    supervisor,
    jobs,
    announces,
    items: (jobId, attempt = 1) => spool.read({ jobId, attempt }, 1, { items: 99_999, bytes: 1e9 }),
    close,
  };
}

function fakeProcesses(): FakeProcesses {
  const alive = new Map<number, string>();
  return {
    alive,
    signals: [],
    startTicks: (pid) => (alive.has(pid) ? "1" : null),
    withEnvironment: () => [],
    withArgument: (argument) =>
      [...alive].filter(([, path]) => path === argument).map(([pid]) => pid),
  };
}

/** One of ours, for this box. */
export function uiStart(
  change: Partial<OperationArgs<"start-attempt">> & { steps?: number } = {},
): OperationArgs<"start-attempt"> {
  const { steps = 6, ...rest } = change;
  const jobName = rest.jobName ?? "dog";
  return {
    jobId: newJobId(),
    attempt: 1,
    jobName,
    trainer: "ai-toolkit-ui",
    guardrails: noGuardrailRules,
    slot: "gpu:0",
    totalSteps: steps,
    document: {
      job: "extension",
      config: {
        name: jobName,
        process: [
          {
            type: "diffusion_trainer",
            train: { steps },
            model: { name_or_path: "someone/a-model", arch: "sd15" },
          },
        ],
      },
    },
    ...rest,
  };
}

/** A training in the UI, as its process would write it. */
export interface UiRun {
  readonly row: UiRow;
  steps(upTo: number, total?: number): void;
  /** The last model and the last word. */
  complete(total?: number): void;
  exit(): void;
  /** What Python and then its starter write when a queue that is stopped takes its job back. */
  returnToQueue(): void;
}

export function runOf({ ui, processes }: UiWorld, row: UiRow, from = 0): UiRun {
  let made = from;
  const pid = row.pid ?? 0;
  processes.alive.set(pid, join(ui.settings.TRAINING_FOLDER, row.name, ".job_config.json"));
  const run: UiRun = {
    row,
    steps(upTo, total = 6) {
      for (; made < upTo; made += 1) {
        const loss = lossOf(made);
        ui.log(row.name, barLine(row.name, made + 1, total, loss));
        // The first step of a run is never logged.
        if (made > from) {
          const wall_time = 1_700_000_000 + pid * 10_000 + made;
          ui.loss(row.name, "loss/loss", [{ step: made, wall_time, value: loss }]);
          ui.loss(row.name, "learning_rate", [{ step: made, wall_time, value: 1e-4 }]);
        }
        row.step = made + 1;
      }
    },
    complete(total = 6) {
      run.steps(total, total);
      ui.log(row.name, `\nSaved checkpoint to ${ui.settings.TRAINING_FOLDER}/${row.name}/x\n`);
      ui.file(row.name, `${row.name}.safetensors`, safetensors(new Uint8Array(4)));
      Object.assign(row, { status: "completed", info: "Training completed" });
      run.exit();
    },
    exit: () => void processes.alive.delete(pid),
    returnToQueue() {
      ui.log(row.name, "\nError running job: Job returning to queue\n");
      Object.assign(row, { status: "queued", info: "Job queued", step: 0 });
      run.exit();
      ui.log(row.name, "\nJob process terminated with exit code 1.\n");
    },
  };
  return run;
}

export const lossOf = (step: number): number => 1 + step / 8;

export function lossesOf(items: readonly Item[]): [number, number | null][] {
  return items.flatMap((item) =>
    item.kind === "metrics"
      ? item.steps.map((step, at): [number, number | null] => [
          step,
          fromWireValue(item.values["loss"]?.[at] ?? null),
        ])
      : [],
  );
}

export function statesOf(items: readonly Item[]): StateItem[] {
  return items.filter((item) => item.kind === "state");
}

export function endOf(items: readonly Item[]): StateItem | null {
  return statesOf(items).findLast(({ state }) => isTerminal(state)) ?? null;
}
