import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import { startAgent } from "./agent.ts";
import { defaultHomeRoot } from "./home.ts";
import { createLog, errorFields, logLevelOf } from "./log.ts";
import { systemTime } from "./time.ts";

/** Exit codes: 2 wrong call, 3 the home is in use, 1 anything else. */
const { values } = parseArgs({
  options: {
    url: { type: "string" },
    home: { type: "string" },
    "parent-pid": { type: "string" },
    "log-level": { type: "string" },
  },
});
const log = createLog((line) => process.stderr.write(line), {
  // LOG_LEVEL is the variable of the earlier systems.
  minimum: logLevelOf([
    values["log-level"],
    process.env["TRAINYARD_LOG_LEVEL"],
    process.env["LOG_LEVEL"],
  ]),
  now: () => systemTime.now(),
});
const version = "0.1.0";
/** A process of ours that lost its parent has a new one; polled, since no signal tells it. */
const parentPollMs = 1_000;
const closeGraceMs = 2_000;

if (values.url === undefined || !URL.canParse(values.url)) {
  process.stderr.write(
    "usage: agent --url https://<control plane> [--home <folder>] [--parent-pid <pid>]\n",
  );
  process.exit(2);
}
run(values.url);

function run(url: string): void {
  let agent: ReturnType<typeof startAgent>;
  try {
    agent = startAgent({
      url,
      home: values.home ?? process.env["TRAINYARD_HOME"] ?? defaultHomeRoot(),
      log,
      time: systemTime,
      random: Math.random,
      shimEntry: entry("./shim.js", "./jobs/shim.ts"),
      tinyEntry: entry("./tiny.js", "./trainers/tiny/main.ts"),
      intakeEntry: entry("./intake-child.js", "./uploads/intake/child.ts"),
      datasetEntry: entry("./dataset-child.js", "./datasets/scan/child.ts"),
      systemEntry: entry("./system-child.js", "./host/system-child.ts"),
      sheetEntry: entry("./sheet-child.js", "./samples/sheet-child.ts"),
      projectTemplates: entry("./llm-project", "./llm-project"),
      version,
    });
  } catch (error) {
    log("error", "the agent cannot start", {
      ...errorFields(error),
      ...(error instanceof AppError && error.hint !== undefined ? { hint: error.hint } : {}),
    });
    process.exit(error instanceof AppError && error.code === "NAME_CONFLICT" ? 3 : 1);
  }
  log("info", "agent started", {
    agent_id: agent.identity.agentId,
    home: agent.home.root,
    version,
    pid: process.pid,
  });

  let closing = false;
  const close = (why: string): void => {
    if (closing) return;
    closing = true;
    log("info", "agent stops; trainings go on", { why });
    agent.close();
    // The socket's farewell may never be answered.
    setTimeout(() => process.exit(0), closeGraceMs).unref();
    process.exitCode = 0;
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(signal, () => close(signal));
  process.on("unhandledRejection", (error) =>
    log("error", "unhandled rejection", errorFields(error)),
  );

  const parent = Number(values["parent-pid"] ?? 0);
  if (parent > 0) {
    const poll = setInterval(() => {
      if (closing) clearInterval(poll);
      else if (process.ppid !== parent) close("the parent process is gone");
    }, parentPollMs);
    poll.unref();
  }
}

/** Bundled, the other programs lie beside this one; from source they are where they were written. */
function entry(bundled: string, source: string): string {
  const beside = fileURLToPath(new URL(bundled, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(source, import.meta.url));
}
