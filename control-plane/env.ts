import { z } from "zod";
import { parseAllowList } from "@trainyard/shared/alerts/url-policy.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseCidrs } from "./http/ip-address.ts";
import type { Cidr } from "./http/ip-address.ts";
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
  /** The one address that connects where no platform in front says it: `trainyard up` listens on loopback alone. */
  readonly TRAINYARD_CONNECTING_ADDRESS?: string;
  /** Names of the earlier systems, kept; docs/migrate.md has those that are not. */
  readonly MCP_HTTP_MAX_BODY_BYTES?: string;
  readonly MCP_HTTP_TOOL_TIMEOUT_SECONDS?: string;
  readonly MCP_HTTP_AUTH_FOR_HEALTH?: string;
  readonly MCP_HTTP_RATE_LIMIT_ENABLED?: string;
  readonly MCP_HTTP_RATE_LIMIT_WINDOW_SECONDS?: string;
  readonly MCP_HTTP_RATE_LIMIT_MAX_REQUESTS?: string;
  readonly MCP_HTTP_TRUST_PROXY_FOR_RATE_LIMIT?: string;
  readonly MCP_HTTP_RATE_LIMIT_CLIENT_IP_HEADER?: string;
  readonly MCP_HTTP_TRUSTED_PROXY_CIDRS?: string;
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
  readonly authForHealth: boolean;
  /** null: nobody is counted. */
  readonly rateLimit: RateLimit | null;
  readonly connection: Connection;
}

export interface RateLimit {
  readonly maxRequests: number;
  readonly windowMs: number;
}

/** How the address of a caller is known. */
export interface Connection {
  /** Of whoever connects, where it is always the same; else the platform's header says it. */
  readonly connectingAddress: string | null;
  /** Whose word about others counts. Empty: nobody's. */
  readonly trustedProxies: readonly Cidr[];
  /** In which they write whom they speak for, the nearest last. */
  readonly forwardingHeader: string;
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
  const trustedProxies = parseCidrs(env.MCP_HTTP_TRUSTED_PROXY_CIDRS);
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
    authForHealth: isOn(env.MCP_HTTP_AUTH_FOR_HEALTH, false),
    rateLimit: isOn(env.MCP_HTTP_RATE_LIMIT_ENABLED, false)
      ? {
          maxRequests: Math.floor(
            Math.max(1, positive(env.MCP_HTTP_RATE_LIMIT_MAX_REQUESTS) ?? limits.rateLimitRequests),
          ),
          windowMs: Math.round(
            Math.max(
              1_000,
              scale(positive(env.MCP_HTTP_RATE_LIMIT_WINDOW_SECONDS), 1_000) ??
                limits.rateLimitWindowMs,
            ),
          ),
        }
      : null,
    connection: {
      connectingAddress: env.TRAINYARD_CONNECTING_ADDRESS ?? null,
      trustedProxies: isOn(env.MCP_HTTP_TRUST_PROXY_FOR_RATE_LIMIT, true) ? trustedProxies : [],
      forwardingHeader: headerName(env.MCP_HTTP_RATE_LIMIT_CLIENT_IP_HEADER),
    },
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

/** The words of the earlier bridge; any other is the default. */
function isOn(text: string | undefined, otherwise: boolean): boolean {
  const word = text?.trim().toLowerCase() ?? "";
  if (["1", "true", "yes", "y", "on"].includes(word)) return true;
  return ["0", "false", "no", "n", "off"].includes(word) ? false : otherwise;
}

/** Asking for a header whose name is none would throw at every request. */
function headerName(text: string | undefined): string {
  const name = text?.trim() ?? "";
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? name : "x-forwarded-for";
}
