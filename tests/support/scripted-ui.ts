import { randomUUID } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";

/** A row of its table `Job`, as Prisma gives it. */
export interface UiRow {
  id: string;
  name: string;
  gpu_ids: string;
  job_config: string;
  created_at: string;
  updated_at: string;
  status: string;
  stop: boolean;
  return_to_queue: boolean;
  step: number;
  total_steps: number | null;
  info: string;
  speed_string: string;
  queue_position: number;
  pid: number | null;
  job_type: string;
  job_ref: string | null;
  save_now: boolean;
  sample_now: boolean;
}

interface LossPoint {
  readonly step: number;
  readonly wall_time: number;
  readonly value: number | null;
}

/** What a route does instead of its work. */
export type UiFault =
  | { readonly status: number; readonly body?: unknown }
  /** Not JSON, or JSON of another form. */
  | { readonly text: string }
  /** The connection ends in the middle of the answer. */
  | { readonly cut: true }
  | { readonly silent: true }
  /** The work is done and its answer is lost. */
  | { readonly lost: true };

/**
 * AI Toolkit's Web UI as a real HTTP server with fake state: the routes that are used and their oddities, as its source has them at
 * 27a03a91 (ui/src/app/api, ui/cron). Its worker runs when the test says so, and its trainings are what the test writes.
 */
export interface ScriptedUi {
  readonly url: string;
  readonly folder: string;
  readonly requests: readonly string[];
  jobs: Map<string, UiRow>;
  queues: { id: number; gpu_ids: string; is_running: boolean }[];
  settings: { TRAINING_FOLDER: string; DATASETS_FOLDER: string; HF_TOKEN?: string };
  token: string | null;
  /** By key, of each job's folder. */
  losses: Map<string, Map<string, LossPoint[]>>;
  fault: (method: string, path: string) => UiFault | null;
  /** Pid of what its worker starts next. */
  nextPid: number;
  /** One round of its worker. Returns the rows that it started. */
  work(): UiRow[];
  /** As if a person had made it there. */
  add(name: string, change?: Partial<UiRow>, config?: Record<string, unknown>): UiRow;
  row(name: string): UiRow;
  log(name: string, text: string | Uint8Array): void;
  loss(name: string, key: string, points: readonly LossPoint[]): void;
  file(name: string, file: string, bytes: Uint8Array): void;
  inFlight(): number;
  /** Nobody listens on its port any more. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

const maxTail = 5 * 1024 * 1024;
let lastMs = Date.now();

export async function startScriptedUi(folder: string): Promise<ScriptedUi> {
  let port = 0;
  let inFlight = 0;
  let place = 0;
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const nowIso = (): string => new Date((lastMs = Math.max(lastMs + 1, Date.now()))).toISOString();
  mkdirSync(join(folder, "output"), { recursive: true });
  mkdirSync(join(folder, "datasets"), { recursive: true });

  const ui = {
    url: "",
    folder,
    requests,
    jobs: new Map<string, UiRow>(),
    queues: [] as ScriptedUi["queues"],
    settings: {
      TRAINING_FOLDER: join(folder, "output"),
      DATASETS_FOLDER: join(folder, "datasets"),
      HF_TOKEN: "hf_secret_of_the_ui_itself_000000",
    },
    token: null as string | null,
    losses: new Map<string, Map<string, LossPoint[]>>(),
    fault: (() => null) as ScriptedUi["fault"],
    nextPid: 50_001,
    inFlight: () => inFlight,
    row(name: string): UiRow {
      const row = [...ui.jobs.values()].find((one) => one.name === name);
      if (row === undefined) throw new Error(`the UI has no job ${name}`);
      return row;
    },
    add(name: string, change: Partial<UiRow> = {}, config = uiConfig(name)): UiRow {
      place += 1_000;
      const row: UiRow = {
        id: randomUUID(),
        name,
        gpu_ids: "0",
        job_config: JSON.stringify(config),
        created_at: nowIso(),
        updated_at: nowIso(),
        status: "stopped",
        stop: false,
        return_to_queue: false,
        step: 0,
        total_steps: null,
        info: "",
        speed_string: "",
        queue_position: place,
        pid: null,
        job_type: "train",
        job_ref: null,
        save_now: false,
        sample_now: false,
        ...change,
      };
      ui.jobs.set(row.id, row);
      return row;
    },
    jobFolder: (name: string) => join(ui.settings.TRAINING_FOLDER, name),
    log(name: string, text: string | Uint8Array) {
      mkdirSync(ui.jobFolder(name), { recursive: true });
      appendFileSync(join(ui.jobFolder(name), "log.txt"), text);
    },
    loss(name: string, key: string, points: readonly LossPoint[]) {
      const keys = ui.losses.get(name) ?? new Map<string, LossPoint[]>();
      keys.set(key, [...(keys.get(key) ?? []), ...points]);
      ui.losses.set(name, keys);
    },
    file(name: string, file: string, bytes: Uint8Array) {
      mkdirSync(join(ui.jobFolder(name), "samples"), { recursive: true });
      writeFileSync(join(ui.jobFolder(name), file), bytes);
    },
    /** processQueue.ts and startJob.ts. */
    work(): UiRow[] {
      const started: UiRow[] = [];
      for (const queue of ui.queues) {
        const of = [...ui.jobs.values()].filter((row) => row.gpu_ids === queue.gpu_ids);
        if (!queue.is_running) {
          for (const row of of.filter(({ status }) => status === "running"))
            Object.assign(row, { return_to_queue: true, info: "Stopping job..." });
          continue;
        }
        if (of.some(({ status }) => status === "running" || status === "stopping")) continue;
        const [next] = of
          .filter(({ status }) => status === "queued")
          .sort((a, b) => a.queue_position - b.queue_position);
        if (next === undefined) {
          queue.is_running = false;
          continue;
        }
        startRow(next);
        started.push(next);
      }
      return started;
    },
    async down() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
    async up() {
      await listen();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };

  function startRow(row: UiRow): void {
    Object.assign(row, {
      status: "running",
      stop: false,
      return_to_queue: false,
      info: "Starting job...",
    });
    const own = ui.jobFolder(row.name);
    mkdirSync(own, { recursive: true });
    if (existsSync(join(own, "log.txt"))) {
      mkdirSync(join(own, "logs"), { recursive: true });
      const count = readdirSync(join(own, "logs")).length;
      renameSync(join(own, "log.txt"), join(own, "logs", `${count}_log.txt`));
    }
    writeFileSync(join(own, ".job_config.json"), row.job_config);
    writeFileSync(join(own, "log.txt"), "");
    row.pid = ui.nextPid;
    ui.nextPid += 1;
    row.updated_at = nowIso();
  }

  const act = (row: UiRow, action: string): void => {
    row.updated_at = nowIso();
    switch (action) {
      case "start": {
        place = Math.max(place, ...[...ui.jobs.values()].map((one) => one.queue_position)) + 1_000;
        const queue = ui.queues.find(({ gpu_ids }) => gpu_ids === row.gpu_ids);
        if (queue === undefined)
          ui.queues.push({ id: ui.queues.length + 1, gpu_ids: row.gpu_ids, is_running: false });
        Object.assign(row, {
          queue_position: place,
          status: "queued",
          stop: false,
          return_to_queue: false,
          info: "Job queued",
        });
        return;
      }
      case "stop":
        Object.assign(row, { stop: true, info: "Stopping job..." });
        // The signal is the test's to act on.
        if (row.pid !== null) Object.assign(row, { status: "stopped", info: "Job stopped" });
        return;
      case "mark_stopped":
        Object.assign(row, { stop: true, status: "stopped", info: "Job stopped", pid: null });
        return;
      case "save_now":
        row.save_now = true;
        return;
      case "sample_now":
        row.sample_now = true;
        return;
      case "delete":
        rmSync(ui.jobFolder(row.name), { recursive: true, force: true });
        ui.jobs.delete(row.id);
    }
  };

  const logOf = (row: UiRow, offsetText: string | null): unknown => {
    const path = join(ui.jobFolder(row.name), "log.txt");
    if (!existsSync(path)) return { log: "", offset: 0, reset: true };
    const bytes = readFileSync(path);
    const offset = offsetText === null ? Number.NaN : Number.parseInt(offsetText, 10);
    if (!(Number.isNaN(offset) || offset > bytes.length))
      return { log: bytes.subarray(offset).toString("utf8"), offset: bytes.length, reset: false };
    const start = Math.max(0, bytes.length - maxTail);
    let log = bytes.subarray(start).toString("utf8");
    if (start > 0 && log.includes("\n")) log = log.slice(log.indexOf("\n") + 1);
    return { log, offset: bytes.length, reset: true };
  };

  const lossOf = (row: UiRow, query: URLSearchParams): unknown => {
    const keys = ui.losses.get(row.name);
    if (keys === undefined) return { keys: [], key: "loss", points: [] };
    const key = query.get("key") ?? "loss";
    const limit = Math.min(Number(query.get("limit") ?? 2_000), 20_000);
    const since = query.get("since_step");
    const points = (keys.get(key) ?? [])
      .filter(({ step }) => since === null || step > Number(since))
      .sort((a, b) => a.step - b.step)
      .slice(0, limit);
    return { key, keys: [...keys.keys()].sort(), points };
  };

  const filesOf = (row: UiRow): unknown => {
    const own = ui.jobFolder(row.name);
    if (!existsSync(own)) return { files: [] };
    const names = readdirSync(own).filter((name) => name.endsWith(".safetensors"));
    return {
      files: names.sort().map((name) => ({
        path: join(own, name),
        size: statSync(join(own, name)).size,
      })),
    };
  };

  const jobsRoute = (method: string, query: URLSearchParams, body: any): [number, unknown] => {
    const newest = [...ui.jobs.values()].reverse();
    if (method === "POST") {
      const taken = newest.some(({ name, id }) => name === body.name && id !== body.id);
      if (taken) return [409, { error: "Job name already exists" }];
      const change = {
        gpu_ids: body.gpu_ids,
        job_config: JSON.stringify(body.job_config),
        ...("job_ref" in body ? { job_ref: body.job_ref } : {}),
        ...("job_type" in body ? { job_type: body.job_type } : {}),
      };
      if (body.id === undefined) return [200, ui.add(body.name, change)];
      const row = ui.jobs.get(body.id);
      if (row === undefined) return [500, { error: "Failed to save training data" }];
      return [200, Object.assign(row, { name: body.name, ...change, updated_at: nowIso() })];
    }
    const id = query.get("id");
    if (id !== null) return [200, ui.jobs.get(id) ?? null];
    const ref = query.get("job_ref");
    if (ref !== null) return [200, newest.find(({ job_ref }) => job_ref === ref) ?? null];
    const active = new Set(["running", "queued", "stopping"]);
    const wanted = newest
      .filter(({ job_type }) => [null, job_type].includes(query.get("job_type")))
      .filter(({ status }) => query.get("only_active") !== "true" || active.has(status));
    return [200, { jobs: wanted }];
  };

  const jobRoute = (id: string, action: string, query: URLSearchParams): [number, unknown] => {
    const row = ui.jobs.get(id);
    if (row === undefined) {
      // The three that only update throw in Prisma.
      const throws = ["mark_stopped", "save_now", "sample_now"].includes(action);
      return throws ? [500, "Internal Server Error"] : [404, { error: "Job not found" }];
    }
    if (action === "log") return [200, logOf(row, query.get("offset"))];
    if (action === "loss") return [200, lossOf(row, query)];
    if (action === "files") return [200, filesOf(row)];
    const before = { ...row };
    act(row, action);
    return [200, ["start", "stop", "mark_stopped"].includes(action) ? before : row];
  };

  const answer = (method: string, url: URL, body: unknown): [number, unknown] => {
    const [, , first = "", second = "", third = ""] = url.pathname.split("/");
    if (first === "auth") return [200, { isAuthenticated: true }];
    if (first === "settings") return [200, ui.settings];
    if (first === "jobs" && second === "") return jobsRoute(method, url.searchParams, body);
    if (first === "jobs") return jobRoute(decodeURIComponent(second), third, url.searchParams);
    if (first === "queue" && second === "") return [200, { queues: ui.queues }];
    if (first === "queue") {
      const gpus = decodeURIComponent(second);
      let queue = ui.queues.find(({ gpu_ids }) => gpu_ids === gpus);
      if (queue === undefined && third === "stop") return [404, { error: "Queue not found" }];
      if (queue === undefined) {
        queue = { id: ui.queues.length + 1, gpu_ids: gpus, is_running: true };
        ui.queues.push(queue);
        return [200, queue];
      }
      const before = { ...queue };
      queue.is_running = third === "start";
      return [200, before];
    }
    return [404, "Not Found"];
  };

  /** Open even with a token, as there. */
  const sendFile = (request: IncomingMessage, response: ServerResponse, url: URL): void => {
    const path = decodeURIComponent(url.pathname.slice("/api/files/".length));
    if (!path.startsWith(ui.settings.TRAINING_FOLDER)) {
      response.writeHead(403).end("Access denied");
      return;
    }
    if (!existsSync(path)) {
      response.writeHead(404).end("File not found");
      return;
    }
    const bytes = readFileSync(path);
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const end = to === "" ? bytes.length - 1 : Number(to);
    response.writeHead(206, { "content-range": `bytes ${from}-${end}/${bytes.length}` });
    response.end(bytes.subarray(Number(from), end + 1));
  };

  const handle = (request: IncomingMessage, response: ServerResponse, text: string): void => {
    const method = request.method ?? "GET";
    const url = new URL(request.url ?? "/", "http://ui");
    requests.push(`${method} ${url.pathname}${url.search}`);
    const fault = ui.fault(method, `${url.pathname}${url.search}`);
    if (fault !== null && "silent" in fault) return;
    if (fault !== null && "status" in fault) {
      response.writeHead(fault.status, { "content-type": "application/json" });
      response.end(JSON.stringify(fault.body ?? { error: "scripted" }));
      return;
    }
    if (fault !== null && "text" in fault) {
      response.writeHead(200).end(fault.text);
      return;
    }
    if (url.pathname.startsWith("/api/files/")) {
      sendFile(request, response, url);
      return;
    }
    const given = request.headers.authorization?.split(" ")[1];
    if (ui.token !== null && given !== ui.token) {
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "Unauthorized" }));
      return;
    }
    const [status, value] = answer(method, url, text === "" ? null : JSON.parse(text));
    if (fault !== null && "lost" in fault) {
      request.socket.destroy();
      return;
    }
    const sent = typeof value === "string" ? value : JSON.stringify(value);
    if (fault !== null && "cut" in fault) {
      response.writeHead(status, { "content-length": String(Buffer.byteLength(sent) + 100) });
      response.write(sent.slice(0, Math.ceil(sent.length / 2)), () => request.socket.destroy());
      return;
    }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(sent);
  };

  const server = createServer((request, response) => {
    inFlight += 1;
    response.once("close", () => (inFlight -= 1));
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => handle(request, response, text));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const listen = (): Promise<void> =>
    new Promise((resolve) =>
      server.listen(port, "127.0.0.1", () => {
        ({ port } = server.address() as AddressInfo);
        ui.url = `http://127.0.0.1:${port}`;
        resolve();
      }),
    );
  await listen();
  return ui;
}

/** As its form writes it, small. */
export function uiConfig(
  name: string,
  change: { steps?: number; folder?: string } = {},
): Record<string, unknown> {
  return {
    job: "extension",
    config: {
      name,
      process: [
        {
          type: "diffusion_trainer",
          training_folder: change.folder ?? "output",
          sqlite_db_path: "./aitk_db.db",
          device: "cuda",
          network: { type: "lora", linear: 16, linear_alpha: 16 },
          save: { dtype: "bf16", save_every: 250 },
          datasets: [{ folder_path: "/nowhere/of/ours", resolution: [512] }],
          train: { steps: change.steps ?? 10, lr: 0.0001 },
          logging: { log_every: 1, use_ui_logger: true },
          model: { name_or_path: "someone/a-model", arch: "sd15" },
          sample: { samples: [{ prompt: "one" }], sample_every: 5 },
        },
      ],
    },
    meta: { name: "[name]", version: "1.0" },
  };
}

/** The bar and the lines that a training of the toolkit writes, both streams in one file. */
export function barLine(name: string, step: number, total: number, loss: number): string {
  const percent = Math.round((100 * step) / total);
  return `\r${name}: ${String(percent).padStart(3)}%|████▏     | ${step}/${total} [00:01<00:09,  2.00it/s, lr: 1.0e-04 loss: ${loss.toExponential(3)}]`;
}
