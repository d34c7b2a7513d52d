import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { acquireLock } from "../../home-lock.ts";
import { loadOrCreateIdentity, openHome } from "../../home.ts";
import { createLog } from "../../log.ts";
import type { Log } from "../../log.ts";
import { builtPrograms } from "../paths.ts";
import { forgetAddress, writeAddress } from "./address.ts";
import { keepAgent } from "./agent-process.ts";
import { startControlPlane } from "./control-plane.ts";
import { endStale, recordProcess, recordedProcess } from "./own-process.ts";
import { loadOrCreateSecrets, tokenGrants } from "./secrets.ts";

/** The line `--json` prints. */
export interface ReadyLine {
  readonly url: string;
  readonly mcp_url: string;
  readonly token: string;
  readonly agent_id: string;
  readonly pids: { readonly up: number; readonly control_plane: number; readonly agent: number };
}

export interface Up {
  readonly ready: ReadyLine;
  /** Resolves after a signal and a clean end. */
  readonly ended: Promise<void>;
}

/** The one owner of a local control plane. */
const owner = "owner";
const readyTimeoutMs = 15_000;
const logBytes = 10 * 1024 * 1024;

export async function startUp(options: {
  readonly port: number;
  readonly homeRoot: string;
}): Promise<Up> {
  const programs = builtPrograms();
  const homeRoot = resolve(options.homeRoot);
  const home = openHome(homeRoot);
  const run = join(homeRoot, "run");
  const logs = join(homeRoot, "logs");
  for (const folder of [run, logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });

  const lock = acquireLock(join(run, "up.lock"));
  if (lock === null) {
    const other = recordedProcess(join(run, "up.json"));
    throw new AppError("NAME_CONFLICT", "Trainyard is already up with this home.", {
      hint:
        other === null
          ? "Use the one that runs, or choose another --home."
          : `It is process ${other.pid}. Use it, or choose another --home.`,
    });
  }
  recordProcess(join(run, "up.json"), process.pid);
  // An agent whose parent was killed ends by itself within a second; a second one would only be turned away.
  await endStale(join(run, "agent.json"), "SIGTERM");

  const log = fileLog(join(logs, "up.log"));
  const secrets = loadOrCreateSecrets(homeRoot);
  const identity = loadOrCreateIdentity(home);
  const controlPlane = await startControlPlane({
    homeRoot,
    port: options.port,
    workerPath: programs.worker,
    bindingsPath: programs.bindings,
    vars: {
      TRAINYARD_HOSTS: hostNames(process.env["TRAINYARD_HOSTS"]),
      TRAINYARD_TOKENS: tokenGrants(secrets, owner, process.env["MCP_HTTP_AUTH_TOKEN"]),
      TRAINYARD_AGENTS: JSON.stringify([
        { owner, agentId: identity.agentId, publicKey: identity.publicKey },
      ]),
      TRAINYARD_LINK_KEY: secrets.linkKey,
      // It listens there alone; a header that says otherwise was written by the caller.
      TRAINYARD_CONNECTING_ADDRESS: "127.0.0.1",
      ...ofEnvironment(passedOn),
    },
    log,
  });
  writeAddress(homeRoot, controlPlane.url);
  rotate(join(logs, "agent.log"));
  const agent = keepAgent({
    program: programs.agent,
    url: controlPlane.url,
    homeRoot,
    logPath: join(logs, "agent.log"),
    log,
    started: (pid) => recordProcess(join(run, "agent.json"), pid),
  });

  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolveEnded) => {
    end = resolveEnded;
  });
  let closing = false;
  const close = (): void => {
    if (closing) return;
    closing = true;
    // The agent first: it says goodbye to a control plane that still listens.
    void (async () => {
      forgetAddress(homeRoot);
      await agent.close();
      await controlPlane.close();
      lock.release();
      end();
    })();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, close);

  await waitForAgent(
    controlPlane.url,
    secrets.ownerToken,
    identity.agentId,
    join(logs, "agent.log"),
  );
  return {
    ready: {
      url: controlPlane.url,
      mcp_url: `${controlPlane.url}/mcp`,
      token: secrets.ownerToken,
      agent_id: identity.agentId,
      pids: { up: process.pid, control_plane: controlPlane.pid(), agent: agent.pid() },
    },
    ended,
  };
}

/** Ready means usable: the control plane answers and the box is connected to it. */
async function waitForAgent(
  url: string,
  token: string,
  agentId: string,
  logPath: string,
): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    const answer = await fetch(`${url}/mcp/tool`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "list-agents", arguments: {} }),
      signal: AbortSignal.timeout(2_000),
    })
      .then(
        (response) =>
          response.json() as Promise<{
            data?: { agents?: { agent_id: string; connectivity: string }[] };
          }>,
      )
      .catch(() => null);
    const live = answer?.data?.agents?.some(
      (entry) => entry.agent_id === agentId && entry.connectivity === "live",
    );
    if (live === true) return;
    await new Promise((resolveWait) => setTimeout(resolveWait, 25));
  }
  throw new AppError(
    "AGENT_OFFLINE",
    "The agent did not connect to the local control plane in time.",
    {
      hint: `Read ${logPath} for what it says.`,
    },
  );
}

/** What the Worker understands of the variables of `up`; docs/migrate.md has them all. */
const passedOn = [
  "TRAINYARD_WEBHOOK_ALLOW",
  "MCP_HTTP_MAX_BODY_BYTES",
  "MCP_HTTP_TOOL_TIMEOUT_SECONDS",
  "MCP_HTTP_AUTH_FOR_HEALTH",
  "MCP_HTTP_RATE_LIMIT_ENABLED",
  "MCP_HTTP_RATE_LIMIT_WINDOW_SECONDS",
  "MCP_HTTP_RATE_LIMIT_MAX_REQUESTS",
  "MCP_HTTP_TRUST_PROXY_FOR_RATE_LIMIT",
  "MCP_HTTP_RATE_LIMIT_CLIENT_IP_HEADER",
  "MCP_HTTP_TRUSTED_PROXY_CIDRS",
] as const;

/** Those of loopback, where it listens, and those that a tunnel or a proxy on this machine is called by. */
export function hostNames(own: string | undefined): string {
  const added = (own ?? "").split(",").map((name) => name.trim());
  // A star would open it to every page that a foreign name server leads here.
  return [
    "127.0.0.1",
    "localhost",
    "[::1]",
    ...added.filter((name) => /^[^*\s]+$/.test(name)),
  ].join();
}

function ofEnvironment(names: readonly string[]): Record<string, string> {
  const given = names.map((name): [string, string | undefined] => [name, process.env[name]]);
  return Object.fromEntries(
    given.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function fileLog(path: string): Log {
  rotate(path);
  const file = openSync(path, "a", 0o600);
  process.once("exit", () => closeSync(file));
  return createLog((line) => void writeSync(file, line), {
    minimum: "info",
    now: () => Date.now(),
  });
}

/** One older log is kept; a home does not grow with every start. */
function rotate(path: string): void {
  try {
    if (statSync(path).size > logBytes) renameSync(path, `${path}.1`);
  } catch {
    // There is none yet.
  }
}
