import type { Env } from "./env.ts";
import type { Hub } from "./hub/hub.ts";
import type { Job } from "./job/job.ts";

/**
 * The only place where an object is looked up. Its name carries the owner of the token, so a foreign id is an unknown id.
 * The platform's RPC types turn `unknown` members into nothing usable; these are the methods as they are declared.
 */
export type HubClient = Pick<
  Hub,
  | "call"
  | "startJob"
  | "resumeJob"
  | "changeGuardrails"
  | "stopJob"
  | "viewJob"
  | "listJobs"
  | "listAgents"
  | "configs"
  | "browse"
  | "readSnapshot"
  | "keepSnapshot"
  | "links"
  | "alerts"
  | "fetch"
> & { usage(): Promise<ReturnType<Hub["usage"]>> };

export type JobClient = Pick<
  Job,
  | "create"
  | "announce"
  | "endBeforeStart"
  | "noteStopWanted"
  | "requestResume"
  | "changeGuardrails"
  | "attach"
  | "ingest"
  | "summary"
  | "describe"
  | "events"
  | "series"
  | "facts"
  | "chart"
  | "addAlerts"
> & { usage(): Promise<ReturnType<Job["usage"]>> };

export function hubOf(env: Env, owner: string): HubClient {
  return env.HUB.getByName(owner);
}

export function jobOf(env: Env, owner: string, jobId: string): JobClient {
  return env.JOB.getByName(`${owner}/${jobId}`);
}

export function transferOf(env: Env, owner: string, transferId: string): Fetcher {
  return env.TRANSFER.getByName(`${owner}/${transferId}`);
}
