import { limits } from "@trainyard/shared/limits.ts";
import type { Connection } from "../env.ts";
import { inCidr, parseIpAddress, subscriberOf } from "./ip-address.ts";
import type { IpAddress } from "./ip-address.ts";

/**
 * Who calls, as far as somebody trustworthy says it: the address that connected. Only where that is a trusted proxy, its
 * forwarding header is read, from the end, to the first address that is no trusted proxy. What stands before it was written
 * by the caller.
 */
export function clientOf(headers: Headers, connection: Connection): string {
  const connected = connection.connectingAddress ?? headers.get("cf-connecting-ip")?.trim() ?? "";
  let nearest = parseIpAddress(connected);
  if (nearest === null) return "unknown";
  const forwarded = (headers.get(connection.forwardingHeader) ?? "").split(",");
  for (const entry of forwarded.slice(-limits.forwardedEntries).reverse()) {
    if (!isTrusted(nearest, connection)) break;
    const next = parseIpAddress(withoutPort(entry.trim()));
    if (next === null) break;
    nearest = next;
  }
  return subscriberOf(nearest);
}

function isTrusted(address: IpAddress, { trustedProxies }: Connection): boolean {
  return trustedProxies.some((cidr) => inCidr(cidr, address));
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}
