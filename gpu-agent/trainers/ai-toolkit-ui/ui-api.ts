import { limits } from "@trainyard/shared/limits.ts";
import type { z } from "zod";
import type { UiServer } from "./ui-server.ts";
import { UiProblem } from "./ui-server.ts";
import {
  filesSchema,
  jobListSchema,
  logSchema,
  lossSchema,
  parseJob,
  queueListSchema,
  settingsSchema,
} from "./ui-rows.ts";
import type { UiJob, UiLogAnswer, UiLossAnswer } from "./ui-rows.ts";

export interface UiQueue {
  readonly gpuIds: string;
  readonly running: boolean;
}

export interface UiSettings {
  readonly trainingFolder: string;
  readonly datasetsFolder: string;
}

export interface UiNewJob {
  readonly name: string;
  readonly gpuIds: string;
  readonly config: unknown;
  /** Left out: the row keeps what it has. */
  readonly ref?: string;
}

/**
 * The routes of AI Toolkit's Web UI that are used, each as its source has it at 27a03a91. Every action is a GET. Throws UiProblem.
 * The image and file routes ask for no token: their addresses stay in here.
 */
export interface UiApi {
  readonly address: UiServer["address"];
  /** Null when there is none of that id, which is no error there. */
  job(id: string): Promise<UiJob | null>;
  /** The newest one with that reference. */
  jobByRef(ref: string): Promise<UiJob | null>;
  /** Newest first; of the active ones its answer is up to 5 s old. */
  jobs(which: "all" | "active"): Promise<readonly UiJob[]>;
  /** Starts nothing. Throws `conflict` where the name is taken. */
  create(job: UiNewJob): Promise<UiJob>;
  /** Other contents for a job that does not run. */
  update(id: string, job: UiNewJob): Promise<void>;
  /** Puts it into the queue of its GPUs; its answer is the row as it was before. */
  enqueue(id: string): Promise<void>;
  queues(): Promise<readonly UiQueue[]>;
  startQueue(gpuIds: string): Promise<void>;
  /** A running one: sets its flag and interrupts its process. */
  stop(id: string): Promise<void>;
  /** Only writes the row; takes a waiting job out of its queue, which `stop` does not. */
  markStopped(id: string): Promise<void>;
  request(id: string, what: "save" | "sample"): Promise<void>;
  /** From that byte on; without one the last 5 MiB. */
  log(id: string, offset: number | null): Promise<UiLogAnswer>;
  /** Points above the step, oldest first; so many at most, and the limit cuts the end. */
  losses(id: string, key: string, since: number): Promise<UiLossAnswer>;
  /** Model files in the job's folder, by their paths there. */
  files(id: string): Promise<readonly { readonly path: string; readonly bytes: number }[]>;
  /** Bytes of a file below its folders; `total` is the file's length. */
  range(
    path: string,
    start: number,
    end: number,
  ): Promise<{ readonly bytes: Buffer; readonly total: number | null }>;
  settings(): Promise<UiSettings>;
  /** Whether the token is right; costs it nothing. */
  auth(): Promise<void>;
}

export function createUiApi(server: UiServer): UiApi {
  const at = (id: string, action: string): string =>
    `/api/jobs/${encodeURIComponent(id)}/${action}`;
  const read = async <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
  ): Promise<z.output<Schema>> => {
    const parsed = schema.safeParse(await server.json({ path }));
    if (!parsed.success) throw new UiProblem("odd", "Its answer has another form.");
    return parsed.data;
  };
  const oneJob = async (path: string): Promise<UiJob | null> => {
    const value = await server.json({ path });
    if (value === null) return null;
    const job = parseJob(value);
    if (job === null) throw new UiProblem("odd", "Its answer is no job.");
    return job;
  };
  const act = async (path: string): Promise<void> => void (await server.json({ path, acts: true }));
  const body = ({ name, gpuIds, config, ref }: UiNewJob) => ({
    name,
    gpu_ids: gpuIds,
    job_config: config,
    ...(ref === undefined ? {} : { job_type: "train", job_ref: ref }),
  });

  return {
    address: server.address,
    job: (id) => oneJob(`/api/jobs?id=${encodeURIComponent(id)}`),
    jobByRef: (ref) => oneJob(`/api/jobs?job_ref=${encodeURIComponent(ref)}`),
    async jobs(which) {
      const query = which === "active" ? "?job_type=train&only_active=true" : "?job_type=train";
      const { jobs } = await read(`/api/jobs${query}`, jobListSchema);
      return jobs.map(parseJob).filter((job) => job !== null);
    },
    async create(job) {
      const made = parseJob(
        await server.json({ method: "POST", path: "/api/jobs", acts: true, body: body(job) }),
      );
      if (made === null) throw new UiProblem("odd", "Its answer is no job.");
      return made;
    },
    async update(id, job) {
      await server.json({
        method: "POST",
        path: "/api/jobs",
        acts: true,
        body: { id, ...body(job) },
      });
    },
    enqueue: (id) => act(at(id, "start")),
    async queues() {
      const { queues } = await read("/api/queue", queueListSchema);
      return queues.map(({ gpu_ids, is_running }) => ({ gpuIds: gpu_ids, running: is_running }));
    },
    startQueue: (gpuIds) => act(`/api/queue/${encodeURIComponent(gpuIds)}/start`),
    stop: (id) => act(at(id, "stop")),
    markStopped: (id) => act(at(id, "mark_stopped")),
    request: (id, what) => act(at(id, what === "save" ? "save_now" : "sample_now")),
    log: (id, offset) =>
      read(at(id, offset === null ? "log" : `log?offset=${Math.trunc(offset)}`), logSchema),
    losses: (id, key, since) =>
      read(
        at(
          id,
          `loss?key=${encodeURIComponent(key)}&since_step=${since}&limit=${limits.uiLossPoints}`,
        ),
        lossSchema,
      ),
    async files(id) {
      const { files } = await read(at(id, "files"), filesSchema);
      return files.map(({ path, size }) => ({ path, bytes: size }));
    },
    async range(path, start, end) {
      const answer = await server.bytes({
        path: `/api/files/${encodeURIComponent(path)}`,
        headers: { range: `bytes=${start}-${end - 1}` },
      });
      if (answer.status !== 206) throw new UiProblem("odd", "It does not answer with a range.");
      return { bytes: answer.bytes, total: answer.total };
    },
    async settings() {
      const { TRAINING_FOLDER, DATASETS_FOLDER } = await read("/api/settings", settingsSchema);
      return { trainingFolder: TRAINING_FOLDER, datasetsFolder: DATASETS_FOLDER };
    },
    auth: async () => void (await server.json({ path: "/api/auth" })),
  };
}
