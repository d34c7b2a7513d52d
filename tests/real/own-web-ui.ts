import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { linuxProcesses } from "../../gpu-agent/jobs/process-identity.ts";
import type { ToolkitInstallation } from "../../gpu-agent/trainers/ai-toolkit/installation.ts";
import { until } from "../support/trainyard.ts";

/**
 * The toolkit's own built Web UI, with a database and an output folder of the test's: nothing of it appears in the user's UI, and
 * what is queued there is not started by a second worker.
 */
export interface OwnWebUi {
  readonly url: string;
  readonly token: string;
  /** Where it believes the toolkit to be. */
  readonly root: string;
  readonly outputs: string;
  readonly datasets: string;
  /** Straight at it, as its own pages do it. */
  ask(path: string, body?: unknown): Promise<any>;
  row(name: string): Promise<any>;
  startServer(): Promise<void>;
  /** All of it, at once, without a word. */
  killServer(): Promise<void>;
  startWorker(): void;
  killWorker(): Promise<void>;
  close(): Promise<void>;
}

/** What is missing of a UI that can be run; null when nothing is. */
export function missingOfUi(toolkit: ToolkitInstallation | null): string | null {
  if (toolkit === null) return "set AI_TOOLKIT_PATH to a toolkit whose Web UI is built";
  const needed = ["ui/.next/BUILD_ID", "ui/dist/cron/worker.js", "aitk_db.db"];
  const missing = needed.find((path) => !existsSync(join(toolkit.root, path)));
  return missing === undefined
    ? null
    : `there is no ${missing} in the toolkit: run its UI once (npm run build_and_start in ui)`;
}

export async function openWebUi(toolkit: ToolkitInstallation): Promise<OwnWebUi> {
  const root = mkdtempSync(join(tmpdir(), "ty-web-ui-"));
  // It takes the folder above the one that it is started in for the toolkit's.
  linkAll(toolkit.root, root, ["ui", "aitk_db.db", "output", "datasets", ".venv", "venv"]);
  linkAll(join(toolkit.root, "ui"), join(root, "ui"), []);
  symlinkSync(dirname(dirname(toolkit.python)), join(root, ".venv"));
  for (const folder of ["output", "datasets"]) mkdirSync(join(root, folder));
  copyTables(join(toolkit.root, "aitk_db.db"), join(root, "aitk_db.db"));

  const token = randomBytes(16).toString("hex");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const node = nodeOfUi();
  const run = (...args: string[]): ChildProcess =>
    spawn(node, args, {
      cwd: join(root, "ui"),
      env: {
        ...process.env,
        PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}`,
        AI_TOOLKIT_AUTH: token,
        NODE_ENV: "production",
      },
      stdio: "ignore",
      detached: true,
    });
  let server: ChildProcess | null = null;
  let worker: ChildProcess | null = null;
  const ui: OwnWebUi = {
    url,
    token,
    root,
    outputs: join(root, "output"),
    datasets: join(root, "datasets"),
    async ask(path, body) {
      const response = await fetch(`${url}/api${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return response.json();
    },
    row: async (name) =>
      (await ui.ask("/jobs")).jobs.find((row: { name: string }) => row.name === name),
    async startServer() {
      // Without its file server in front, which listens on every interface.
      server = run("node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", `${port}`);
      await until("the UI's server", async () => ui.ask("/auth").catch(() => null), 60_000);
    },
    async killServer() {
      await kill(server);
      server = null;
    },
    startWorker: () => void (worker = run("dist/cron/worker.js")),
    async killWorker() {
      await kill(worker);
      worker = null;
    },
    async close() {
      await Promise.all([ui.killServer(), ui.killWorker()]);
      // Of a test that failed: the worker starts them detached.
      for (const name of readdirSync(ui.outputs)) {
        const config = join(ui.outputs, name, ".job_config.json");
        for (const pid of linuxProcesses().withArgument(config) ?? []) process.kill(pid, "SIGKILL");
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
  ui.startWorker();
  await ui.startServer();
  return ui;
}

function linkAll(from: string, to: string, except: readonly string[]): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from))
    if (!except.includes(name) && !name.startsWith("aitk_db"))
      symlinkSync(join(from, name), join(to, name));
}

/** Its tables without its rows: to make them needs an engine that it would download. */
function copyTables(from: string, to: string): void {
  const theirs = new DatabaseSync(from, { readOnly: true });
  const made = theirs
    .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    .all();
  theirs.close();
  const ours = new DatabaseSync(to);
  for (const { sql } of made) ours.exec(String(sql));
  ours.close();
}

/** The Node that its native modules were built for: the user's, and not the one that runs our scripts. */
function nodeOfUi(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders
    .filter((folder) => !folder.includes("node_modules"))
    .map((folder) => join(folder, "node"))
    .find((path) => existsSync(path));
  return found ?? process.execPath;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function kill(child: ChildProcess | null): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGKILL");
  await gone;
}
