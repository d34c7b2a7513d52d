import { randomBytes } from "node:crypto";
import { AppError } from "@trainyard/shared/errors.ts";
import { operations } from "@trainyard/shared/protocol/operations.ts";
import type { OperationName } from "@trainyard/shared/protocol/operations.ts";
import type { KnownSecret } from "@trainyard/shared/redact.ts";
import { createCalls } from "./calls.ts";
import { connect } from "./connection.ts";
import type { Connection, OpenSocket, Rhythm } from "./connection.ts";
import { createDatasetScans } from "./datasets/dataset-scans.ts";
import { recoverDatasets } from "./datasets/changes/recover-datasets.ts";
import { startTrashSweep } from "./files/trash-sweep.ts";
import { loadOrCreateIdentity, openHome, readBootId } from "./home.ts";
import type { Home, Identity } from "./home.ts";
import { acquireLock } from "./home-lock.ts";
import { describeBox } from "./host/capabilities.ts";
import { createHostFacts } from "./host/host-facts.ts";
import { nvidiaCards, nvidiaProcesses } from "./host/nvidia-smi.ts";
import { createSystemFacts } from "./host/system-facts.ts";
import type { LadderDeadlines } from "./jobs/stop-ladder.ts";
import { shimLauncher } from "./jobs/shim-launcher.ts";
import { systemProcesses } from "./jobs/process-identity.ts";
import { createSupervisor } from "./jobs/supervisor.ts";
import type { Supervisor } from "./jobs/supervisor.ts";
import type { Log } from "./log.ts";
import { operationHandlers } from "./operations/handlers.ts";
import type { OperationContext, OperationHandler } from "./operations/operation-context.ts";
import { createSheets } from "./samples/sheets.ts";
import { openSpool } from "./spool.ts";
import type { Spool } from "./spool.ts";
import type { Time } from "./time.ts";
import { createAiToolkitTrainer } from "./trainers/ai-toolkit/ai-toolkit-trainer.ts";
import { openUi } from "./trainers/ai-toolkit-ui/open-ui.ts";
import { createLlmBox } from "./trainers/llm/llm-box.ts";
import { createLlmTrainer } from "./trainers/llm/llm-trainer.ts";
import { createTinyTrainer } from "./trainers/tiny-trainer.ts";
import { createTrainers } from "./trainers/detect.ts";
import { createIntake } from "./uploads/intake/intake.ts";
import { sweepStaging } from "./uploads/staging.ts";
import { openWebSocket } from "./web-socket.ts";

export interface AgentOptions {
  /** http(s) address of the control plane. */
  readonly url: string;
  /** Folder of this box's home; made when it is not there. */
  readonly home: string;
  readonly log: Log;
  readonly time: Time;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Scripts that are started as processes of their own. */
  readonly shimEntry: string;
  readonly tinyEntry: string;
  readonly systemEntry: string;
  readonly sheetEntry: string;
  readonly datasetEntry: string;
  readonly intakeEntry: string;
  /** The files that every language-model project begins with. */
  readonly projectTemplates: string;
  readonly version: string;
  readonly openSocket?: OpenSocket;
  readonly rhythm?: Partial<Rhythm>;
  readonly deadlines?: LadderDeadlines;
}

export interface Agent {
  readonly home: Home;
  readonly identity: Identity;
  readonly supervisor: Supervisor;
  readonly spool: Spool;
  readonly connection: Connection;
  /** Saves what was read and goes; trainings live on. */
  close(): void;
}

/** Puts the box's parts together. Throws NAME_CONFLICT when another agent holds the home. */
export function startAgent(options: AgentOptions): Agent {
  const { log, time } = options;
  const home = openHome(options.home);
  const lock = acquireLock(home.lock);
  if (lock === null) {
    throw new AppError("NAME_CONFLICT", "Another agent runs with this home.", {
      hint: "Stop it, or choose another --home.",
    });
  }
  const identity = loadOrCreateIdentity(home);
  const bootId = readBootId();
  const spool = openSpool({ path: home.spool, clock: time, log, reservePath: home.reserve });
  const llm = createLlmBox({ home, time, log, templates: options.projectTemplates });
  const stopping = new AbortController();
  const secrets = secretsOf(process.env);
  const processes = systemProcesses();
  const signal = (pid: number, name: NodeJS.Signals): void => void process.kill(pid, name);
  const ui = openUi({
    home,
    time,
    log,
    processes,
    bootId,
    signal,
    secrets,
    environment: process.env,
    stopping: stopping.signal,
  });
  const trainers = createTrainers(
    [
      createTinyTrainer({ entry: options.tinyEntry, version: options.version }),
      createAiToolkitTrainer({ home, time, log }),
      createLlmTrainer({ home, llm }),
      ...(ui.configured ? [ui.trainer] : []),
    ],
    // Attempts that it began are still known where nobody names its server any more.
    [ui.trainer],
  );
  const system = createSystemFacts({ entry: options.systemEntry, time, log });
  const host = createHostFacts({
    time,
    queryGpus: nvidiaCards(log),
    queryGpuProcesses: nvidiaProcesses(log),
    system,
  });
  let connection: Connection | null = null;

  const supervisor = createSupervisor(
    {
      home,
      spool,
      time,
      log,
      processes,
      bootId,
      launchShim: shimLauncher(options.shimEntry),
      signal,
      secrets,
      gpu: host,
      ...(options.deadlines === undefined ? {} : { deadlines: options.deadlines }),
      onCommitted: (key, urgent) => connection?.committed(key, urgent),
    },
    trainers,
  );
  const intake = createIntake({ entry: options.intakeEntry, time, log });
  const datasets = createDatasetScans({
    entry: options.datasetEntry,
    index: home.pictureIndex,
    time,
    log,
    gentle: () => supervisor.liveJobs().length > 0,
  });
  const { findOutput } = supervisor;
  const sheets = createSheets({ entry: options.sheetEntry, home, time, findOutput });
  const context: OperationContext = {
    home,
    spool,
    supervisor,
    trainers,
    llm,
    host,
    ui: ui.configured ? ui.state : null,
    sheets,
    datasets,
    intake,
    time,
    log,
    secrets,
    url: options.url.replace(/\/+$/, ""),
    signal: stopping.signal,
  };
  const calls = createCalls({
    ledger: spool.ledger,
    log,
    run: async (operation: OperationName, args: unknown) => {
      // The schema of `operation` made `args`: the one place where the two maps meet.
      const handler = operationHandlers[operation] as OperationHandler<OperationName>;
      return operations[operation].value.parse(await handler(args as never, context));
    },
  });

  const found = ui.configured
    ? ui.jobs({
        spool,
        supervisor,
        announce: (job) => connection?.announce(job) ?? false,
        release: (jobId) => connection?.release(jobId),
      })
    : null;

  supervisor.adopt();
  recoverDatasets(home, log);
  sweepStaging(home, time.now());
  const trashSweep = startTrashSweep({ home, time, log });
  connection = connect({
    url: options.url,
    identity,
    instanceId: `instance_${randomBytes(16).toString("hex")}`,
    bootId,
    capabilities: () => describeBox({ host, trainers, software: `trainyard ${options.version}` }),
    heads: () => supervisor.heads(),
    head: (key) => supervisor.head(key),
    onCall: (call, answer) => calls.deliver(call, answer),
    onWatch: (jobId, forMs) => supervisor.watch(jobId, forMs),
    ...(found === null ? {} : { found }),
    spool,
    time,
    random: options.random,
    log,
    openSocket: options.openSocket ?? openWebSocket,
    ...(options.rhythm === undefined ? {} : { rhythm: options.rhythm }),
  });
  const live = connection;
  found?.start();

  let closed = false;
  return {
    home,
    identity,
    supervisor,
    spool,
    connection: live,
    close() {
      if (closed) return;
      closed = true;
      stopping.abort();
      trashSweep.close();
      found?.close();
      supervisor.close();
      live.close();
      system.close();
      sheets.close();
      datasets.close();
      intake.close();
      spool.close();
      lock.release();
    },
  };
}

/** Values of our own environment that must not appear in a log that leaves the box. */
function secretsOf(
  environment: Readonly<Record<string, string | undefined>>,
): readonly KnownSecret[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined &&
    value.length >= 8 &&
    /(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL|_AUTH$)/i.test(name)
      ? [{ value, kind: "secret" }]
      : [],
  );
}
