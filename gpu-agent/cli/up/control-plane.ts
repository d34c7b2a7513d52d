import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { z } from "zod";
import { systemProcesses } from "../../jobs/process-identity.ts";
import type { Log } from "../../log.ts";
import { parseAllowList } from "@trainyard/shared/alerts/url-policy.ts";
import { createOutbound } from "./outbound.ts";

const bindingsSchema = z.object({
  name: z.string(),
  compatibilityDate: z.string(),
  compatibilityFlags: z.array(z.string()),
  durableObjects: z.array(z.object({ binding: z.string(), className: z.string() })),
  sqliteClasses: z.array(z.string()),
  vars: z.record(z.string(), z.string()),
});

export interface ControlPlaneOptions {
  readonly homeRoot: string;
  readonly port: number;
  readonly workerPath: string;
  readonly bindingsPath: string;
  /** Plain bindings on top of those of wrangler.toml. */
  readonly vars: Readonly<Record<string, string>>;
  readonly log: Log;
}

export interface ControlPlane {
  readonly url: string;
  /** Pid of workerd itself; another one after miniflare restarted it. */
  pid(): number;
  close(): Promise<void>;
}

/**
 * The Worker in workerd, through miniflare: the real runtime with its state in the home. Miniflare restarts a workerd that
 * died on the same port; the wrapper makes workerd die with us, which miniflare alone does not (spikes 3).
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const run = join(options.homeRoot, "run");
  const state = join(options.homeRoot, "control-plane", "state");
  mkdirSync(run, { recursive: true, mode: 0o700 });
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const pidFile = join(run, "workerd.pid");
  await endStaleWorkerd(options.homeRoot);
  installWrapper(join(run, "workerd.sh"), pidFile, options.homeRoot);
  const temporary = join(run, "tmp");
  const restoreTemporary = useOwnTemporaryFolder(temporary);

  // Miniflare must be imported after the two variables above are set; it is also 135 MB that other commands do not need.
  const { Miniflare, Response } = await import("miniflare");
  const outbound = createOutbound(parseAllowList(options.vars["TRAINYARD_WEBHOOK_ALLOW"]));
  const leave = async (request: Request): Promise<InstanceType<typeof Response>> => {
    const { url, method, headers } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    const answer = await outbound({ url, method, headers, body });
    // A Response may not have these as its status; as an outcome both mean "nothing arrived".
    const status = answer.status < 200 || answer.status > 599 ? 502 : answer.status;
    return new Response(null, { status, headers: answer.headers });
  };
  const bindings = bindingsSchema.parse(JSON.parse(readFileSync(options.bindingsPath, "utf8")));
  const objects = Object.fromEntries(
    bindings.durableObjects.map(({ binding, className }) => [
      binding,
      { type: "durable-object" as const, worker: bindings.name, exportName: className },
    ]),
  );
  const texts = Object.fromEntries(
    Object.entries({ ...bindings.vars, ...options.vars }).map(([name, value]) => [
      name,
      { type: "text" as const, value },
    ]),
  );
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: state,
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    logRequests: false,
    handleStructuredLogs: (entry: { level: string; message: string }) => {
      options.log(entry.level === "error" ? "error" : "info", "workerd", { text: entry.message });
    },
    workers: [
      {
        dev: {
          outboundService: { type: "fetcher" as const, handler: leave },
          // Past miniflare's entry, which believes headers of the caller and answers 500 where an address cannot be read (decision 9).
          unsafeDirectSockets: [{ host: "127.0.0.1", port: options.port }],
        },
        config: {
          name: bindings.name,
          compatibilityDate: bindings.compatibilityDate,
          compatibilityFlags: bindings.compatibilityFlags,
          env: { ...objects, ...texts },
          exports: Object.fromEntries(
            bindings.sqliteClasses.map((name) => [
              name,
              { type: "durable-object" as const, storage: "sqlite" as const },
            ]),
          ),
          manifest: {
            mainModule: "worker.js",
            modulesRoot: "/",
            modules: {
              "worker.js": {
                type: "esm" as const,
                contents: readFileSync(options.workerPath, "utf8"),
              },
            },
          },
        },
      },
    ],
  });
  let url: URL;
  try {
    url = await miniflare.unsafeGetDirectURL(bindings.name);
  } catch (cause) {
    await miniflare.dispose().catch(() => undefined);
    if ((cause as { code?: unknown }).code === "ERR_ADDRESS_IN_USE") {
      throw new AppError("NAME_CONFLICT", `Port ${options.port} is taken by another program.`, {
        hint: "Choose another with --port, or --port 0 for a free one.",
        cause,
      });
    }
    throw cause;
  }
  // Miniflare has made its folder by now; the agent and the trainers get the system's.
  restoreTemporary();
  // Its own exit hook would call process.exit in the middle of our shutdown.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeAllListeners(signal);
  return {
    url: url.origin,
    pid: () => Number(readFileSync(pidFile, "utf8").trim()),
    close: async () => {
      await miniflare.dispose();
      rmSync(temporary, { recursive: true, force: true });
    },
  };
}

/**
 * A killed miniflare leaves its temporary folder behind: give it one of our own and empty it at the next start. A deep home
 * keeps the system's folder, because a Unix socket's path below it may have 108 bytes at most.
 */
function useOwnTemporaryFolder(path: string): () => void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const before = process.env["TMPDIR"];
  if (path.length < 60) process.env["TMPDIR"] = path;
  return () => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  };
}

const marker = "TRAINYARD_WORKERD_HOME";

/** One that outlived its parent would keep the port and answer for a control plane that is not there any more. */
async function endStaleWorkerd(homeRoot: string): Promise<void> {
  const view = systemProcesses();
  for (let waited = 0; waited < 5_000; waited += 50) {
    const stale = view
      .withEnvironment(`${marker}=${homeRoot}`)
      .filter((pid) => view.startTicks(pid) !== null);
    if (stale.length === 0) return;
    for (const pid of stale) process.kill(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function installWrapper(path: string, pidFile: string, homeRoot: string): void {
  const workerd = findWorkerd();
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const mark = `export ${marker}=${quoted(homeRoot)}`;
  const setpriv = process.platform === "linux" && onPath("setpriv");
  writeFileSync(
    path,
    setpriv
      ? `#!/bin/sh\n${mark}\necho $$ > ${quoted(pidFile)}\nexec setpriv --pdeathsig KILL ${quoted(workerd)} "$@"\n`
      : [
          "#!/bin/sh",
          mark,
          `echo $$ > ${quoted(pidFile)}`,
          // fd 3 is miniflare's ready pipe: a watcher that kept it open would hold the start up.
          `( while [ "$(ps -o ppid= -p $$ | tr -d ' ')" = "$PPID" ]; do sleep 1; done; kill -9 $$ ) </dev/null >/dev/null 2>&1 3>&- &`,
          `exec ${quoted(workerd)} "$@"`,
          "",
        ].join("\n"),
  );
  chmodSync(path, 0o700);
  process.env["MINIFLARE_WORKERD_PATH"] = path;
}

function findWorkerd(): string {
  const ours = createRequire(import.meta.url);
  const miniflare = createRequire(ours.resolve("miniflare"));
  const found: unknown = miniflare("workerd");
  const path = typeof found === "string" ? found : (found as { default?: unknown }).default;
  if (typeof path !== "string")
    throw new Error("the workerd package does not say where its program is");
  return path;
}

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => existsSync(join(folder, program)));
}
