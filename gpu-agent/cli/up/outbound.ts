import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIPv6 } from "node:net";
import { hostAndPort } from "@trainyard/shared/alerts/url-policy.ts";
import { limits } from "@trainyard/shared/limits.ts";

/** What leaves the local control plane, and what comes back of it. */
export interface OutboundRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: Uint8Array;
}
export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}
export type Resolve = (host: string) => Promise<readonly { readonly address: string }[]>;

/** The mark by which the Hub knows that these words are ours: no receiver's answer is handed on with it. */
const mark = "x-trainyard-outbound";
/** No request was made. */
const refused: OutboundAnswer = { status: 502, headers: { [mark]: "address-refused" } };
/** Nobody answered: no such name, nobody there, a connection that was cut. */
const failed: OutboundAnswer = { status: 502, headers: { [mark]: "failed" } };

/**
 * The way out of a control plane that runs at home. Cloudflare's network has no route to somebody's LAN; workerd here has.
 * So a name is resolved once, every address it has must be public, and the connection goes to the address that was looked
 * at: a name that changes its mind meanwhile gains nothing. Entries of the operator's list go anywhere. Redirects are
 * handed back, not followed; of an answer only the status and Retry-After are kept.
 */
export function createOutbound(
  allow: ReadonlySet<string>,
  resolve: Resolve = (host) => lookup(host, { all: true }),
): (request: OutboundRequest) => Promise<OutboundAnswer> {
  return async (request) => {
    const url = new URL(request.url);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    let addresses: readonly { readonly address: string }[];
    try {
      addresses = await resolve(host);
    } catch {
      return failed;
    }
    const [first] = addresses;
    if (first === undefined) return failed;
    const known = allow.has(hostAndPort(url));
    if (!known && !addresses.every(({ address }) => isPublicAddress(address))) return refused;
    return send(url, request, first.address).catch(() => failed);
  };
}

const special = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  special.addSubnet(network, prefix, "ipv4");
}

/** Global unicast, without what carries an IPv4 address inside, tunnels and documentation. */
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");
const embedded = new BlockList();
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  embedded.addSubnet(network, prefix, "ipv6");
}

/** IANA's special-purpose registries: what is not reachable from everywhere is not public. */
export function isPublicAddress(address: string): boolean {
  return isIPv6(address)
    ? global.check(address, "ipv6") && !embedded.check(address, "ipv6")
    : !special.check(address, "ipv4");
}

/** What the Worker itself wrote; the runtime between us adds headers of its own. */
const passed = /^(?:content-type|user-agent|authorization|webhook-[a-z]+)$/i;

function send(url: URL, request: OutboundRequest, address: string): Promise<OutboundAnswer> {
  const family = isIPv6(address) ? 6 : 4;
  return new Promise((resolve, reject) => {
    const start = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing = start(
      url,
      {
        method: request.method,
        headers: Object.fromEntries([...request.headers].filter(([name]) => passed.test(name))),
        agent: false,
        timeout: limits.outboundIdleMs,
        lookup: (_host, options, found) =>
          options.all === true ? found(null, [{ address, family }]) : found(null, address, family),
      },
      (answer) => {
        // Its text is nobody's business.
        answer.destroy();
        const retryAfter = answer.headers["retry-after"];
        resolve({
          status: answer.statusCode ?? 502,
          headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("silent")));
    outgoing.on("error", reject);
    outgoing.end(request.body);
  });
}
