import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { homedir, uptime } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@trainyard/shared/errors.ts";
import { randomId } from "@trainyard/shared/ids.ts";
import type { AgentId } from "@trainyard/shared/ids.ts";
import { jobIdPattern } from "@trainyard/shared/ids.ts";
import { writeFileAtomic } from "./files/atomic-write.ts";
import { makeFolder } from "./files/make-folder.ts";

/** Where everything of one box lies. Every other path is made from these. */
export interface Home {
  readonly root: string;
  readonly agent: string;
  readonly identity: string;
  readonly spool: string;
  /** What was found of each picture of the datasets; may be deleted at any time. */
  readonly pictureIndex: string;
  readonly lock: string;
  readonly reserve: string;
  readonly jobs: string;
  readonly datasets: string;
  readonly outputs: string;
  readonly staging: string;
  /** Made with the first alert that goes to a file. */
  readonly alerts: string;
  /** Written by the box's owner, if at all. */
  readonly policy: string;
  /** Config files that the box's owner put there, if any. */
  readonly configs: string;
  /** Language-model projects; made with the first. */
  readonly projects: string;
}

export function defaultHomeRoot(): string {
  return join(homedir(), ".trainyard");
}

/** Makes what is missing, for the owner alone. */
export function openHome(root: string): Home {
  const agent = join(root, "agent");
  const home: Home = {
    root,
    agent,
    identity: join(agent, "identity.json"),
    spool: join(agent, "spool.db"),
    pictureIndex: join(agent, "pictures.db"),
    lock: join(agent, "agent.lock"),
    reserve: join(agent, "reserve"),
    jobs: join(root, "jobs"),
    datasets: join(root, "datasets"),
    outputs: join(root, "outputs"),
    staging: join(root, "staging"),
    alerts: join(root, "alerts"),
    policy: join(root, "policy.json"),
    configs: join(root, "configs"),
    projects: join(root, "projects"),
  };
  for (const path of [root, agent, home.jobs, home.datasets, home.outputs, home.staging]) {
    makeFolder(path);
  }
  return home;
}

/** The files of one attempt; `begun` is the gate that lets exactly one shim start its trainer. */
export interface AttemptFiles {
  readonly folder: string;
  readonly config: string;
  readonly launch: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly begun: string;
  readonly handle: string;
  readonly exit: string;
  readonly truth: string;
  /** Where a trainer that has no server looks for requests. */
  readonly jobTable: string;
}

export function attemptFiles(home: Home, jobId: string, attempt: number): AttemptFiles {
  if (!jobIdPattern.test(jobId)) {
    throw new AppError("INVALID_ARGUMENT", "That is no job id.", {
      hint: "Use an id from list-training-jobs.",
    });
  }
  const folder = join(home.jobs, jobId, String(attempt));
  return {
    folder,
    config: join(folder, "config.json"),
    launch: join(folder, "launch.json"),
    stdout: join(folder, "stdout.log"),
    stderr: join(folder, "stderr.log"),
    begun: join(folder, "begun.json"),
    handle: join(folder, "handle.json"),
    exit: join(folder, "exit.json"),
    truth: join(folder, "truth.jsonl"),
    jobTable: join(folder, "job.db"),
  };
}

export interface Identity {
  readonly agentId: AgentId;
  /** Raw Ed25519 public key, base64. */
  readonly publicKey: string;
  readonly machineId: string;
  /** Base64 signature of the text. */
  sign(text: string): string;
}

const identitySchema = z.object({
  agentId: z.string().min(1).max(80),
  privateKey: z.string(),
  publicKey: z.string(),
  machineId: z.string().min(1).max(80),
});

export function createIdentity(home: Home): Identity {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "jwk" }).x;
  if (raw === undefined) throw new Error("an Ed25519 key has no x");
  const stored = {
    agentId: `agent_${randomId()}`,
    privateKey: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey: Buffer.from(raw, "base64url").toString("base64"),
    machineId: `machine_${randomBytes(16).toString("hex")}`,
  };
  writeFileAtomic(home.identity, `${JSON.stringify(stored, null, 2)}\n`, 0o600);
  chmodSync(home.identity, 0o600);
  return toIdentity(stored, privateKey);
}

/** Null when there is none yet. A key that others may read is refused, not repaired: it may have been copied. */
export function loadIdentity(home: Home): Identity | null {
  let text: string;
  try {
    const mode = statSync(home.identity).mode & 0o777;
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new AppError(
        "AUTH_INVALID",
        `The agent's key may be read by others (mode ${mode.toString(8)}).`,
        {
          hint: `Run: chmod 600 ${home.identity}. If others use this machine, delete the file and join again.`,
        },
      );
    }
    text = readFileSync(home.identity, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return null;
    throw error;
  }
  try {
    const stored = identitySchema.parse(JSON.parse(text));
    return toIdentity(stored, createPrivateKey(stored.privateKey));
  } catch (cause) {
    throw new AppError("AUTH_INVALID", `The agent's key file is damaged: ${home.identity}`, {
      hint: "Restore it, or delete it: the agent gets a new identity, and a control plane elsewhere must be told of it.",
      cause,
    });
  }
}

export function loadOrCreateIdentity(home: Home): Identity {
  return loadIdentity(home) ?? createIdentity(home);
}

function toIdentity(
  stored: { agentId: string; publicKey: string; machineId: string },
  key: KeyObject,
): Identity {
  return {
    agentId: stored.agentId as AgentId,
    publicKey: stored.publicKey,
    machineId: stored.machineId,
    sign: (text) => sign(null, Buffer.from(text), key).toString("base64"),
  };
}

/** Changes with every boot. Where the system has no such id, the boot's minute is close enough to tell two boots apart. */
export function readBootId(procRoot = "/proc"): string {
  try {
    return readFileSync(join(procRoot, "sys/kernel/random/boot_id"), "utf8").trim();
  } catch {
    return `boot_${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}
