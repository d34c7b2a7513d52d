import { z } from "zod";
import { parseAllowList } from "@trainyard/shared/alerts/url-policy.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import type { Hub } from "./hub/hub.ts";
import type { Job } from "./job/job.ts";
import type { Transfer } from "./transfer/transfer.ts";

export interface Env {
  readonly HUB: DurableObjectNamespace<Hub>;
  readonly JOB: DurableObjectNamespace<Job>;
  readonly TRANSFER: DurableObjectNamespace<Transfer>;
  /** Hostnames answered to, separated by commas; `*` where the platform's routing is the list. */
  readonly TRAINYARD_HOSTS?: string;
  readonly TRAINYARD_TOKENS?: string;
  readonly TRAINYARD_AGENTS?: string;
  readonly TRAINYARD_LINK_KEY?: string;
  /** Where alerts may go besides public https addresses: `host:port,…`. The operator's alone. */
  readonly TRAINYARD_WEBHOOK_ALLOW?: string;
  /** Names of the earlier systems, kept. */
  readonly MCP_HTTP_MAX_BODY_BYTES?: string;
  readonly MCP_HTTP_TOOL_TIMEOUT_SECONDS?: string;
}

const scopes = z.enum(["read", "train", "admin"]);

const tokenSchema = z.object({
  id: z.string().min(1).max(80),
  owner: z.string().min(1).max(80),
  /** SHA-256 of the token, lower-case hex: the token itself is never here. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(scopes).min(1),
});

const agentSchema = z.object({
  owner: z.string().min(1).max(80),
  agentId: z.string().min(1).max(80),
  /** Raw Ed25519 public key, base64. */
  publicKey: z.string().min(40).max(60),
});

export type TokenGrant = z.infer<typeof tokenSchema>;
type EnrolledAgent = z.infer<typeof agentSchema>;

export interface Settings {
  readonly hosts: readonly string[] | "any";
  readonly tokens: readonly TokenGrant[];
  readonly agents: readonly EnrolledAgent[];
  readonly linkKey: string;
  readonly webhookAllow: ReadonlySet<string>;
  readonly maxBodyBytes: number | null;
  readonly httpWaitMs: number | null;
}

export interface Principal {
  readonly owner: string;
  readonly tokenId: string;
  readonly scopes: ReadonlySet<Scope>;
}

let cached: { readonly env: Env; readonly settings: Settings } | null = null;

/** Parsed once per isolate; the environment of an isolate never changes. */
export function readSettings(env: Env): Settings {
  if (cached?.env === env) return cached.settings;
  const settings: Settings = {
    hosts:
      env.TRAINYARD_HOSTS === undefined || env.TRAINYARD_HOSTS.trim() === "*"
        ? "any"
        : env.TRAINYARD_HOSTS.split(",").map((host) => host.trim().toLowerCase()),
    tokens: z.array(tokenSchema).parse(JSON.parse(env.TRAINYARD_TOKENS ?? "[]")),
    agents: z.array(agentSchema).parse(JSON.parse(env.TRAINYARD_AGENTS ?? "[]")),
    linkKey: env.TRAINYARD_LINK_KEY ?? "",
    webhookAllow: parseAllowList(env.TRAINYARD_WEBHOOK_ALLOW),
    maxBodyBytes: positive(env.MCP_HTTP_MAX_BODY_BYTES),
    httpWaitMs: scale(positive(env.MCP_HTTP_TOOL_TIMEOUT_SECONDS), 1_000),
  };
  cached = { env, settings };
  return settings;
}

function positive(text: string | undefined): number | null {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : null;
}

function scale(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}
