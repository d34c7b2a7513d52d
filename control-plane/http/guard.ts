import { createMiddleware } from "hono/factory";
import { AppError } from "@trainyard/shared/errors.ts";
import { readSettings } from "../env.ts";
import type { Settings } from "../env.ts";
import type { Door } from "./door.ts";

/**
 * In front of every route, in this order: which host was meant, which page asks, no secret in the address. A browser that
 * was tricked by DNS rebinding or by a foreign page is stopped here, with or without a token.
 */
export const guard = createMiddleware<Door>(async (c, next) => {
  const settings = readSettings(c.env);
  c.set("settings", settings);
  const url = meantUrl(c.req.raw);
  checkHost(url, c.req.header("host"), settings.hosts);
  checkOrigin(c.req.header("origin"), url);
  checkQuery(url);
  c.set("origin", calledOrigin(url, c.req.header("x-forwarded-proto")));
  await next();
});

/** The runtime joins the request's target to its Host header; two of those, or `OPTIONS *`, make no address. */
function meantUrl({ url }: Request): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new AppError("INVALID_REQUEST", "The request has no address that can be read.", {
    hint: "Send one Host header, and a path that begins with /.",
  });
}

/** A tunnel or a proxy ends TLS before us. Who lies here gets links that begin wrongly, and nobody else does. */
function calledOrigin(url: URL, forwardedProtocol: string | undefined): string {
  return forwardedProtocol?.trim().toLowerCase() === "https" ? `https://${url.host}` : url.origin;
}

/** By address and by header: miniflare's own entry, which listens on a port of its own, takes the address from a header of the caller. */
function checkHost(url: URL, header: string | undefined, hosts: Settings["hosts"]): void {
  if (hosts === "any") return;
  const named = ({ host, hostname }: URL): boolean =>
    hosts.includes(hostname) || hosts.includes(host);
  const told = `${url.protocol}//${header ?? url.host}`;
  if (named(url) && URL.canParse(told) && named(new URL(told))) return;
  throw new AppError("HOST_REFUSED", "This control plane does not answer to that host name.", {
    hint: "Use one of the names in TRAINYARD_HOSTS, or add this one to it.",
  });
}

/** Absent: not a browser page. `null` is what sandboxed and local pages send, and says nothing about who they are. */
function checkOrigin(header: string | undefined, url: URL): void {
  if (header === undefined) return;
  const origin = URL.canParse(header) ? new URL(header) : null;
  const web = origin !== null && (origin.protocol === "http:" || origin.protocol === "https:");
  if (web && origin.host === url.host) return;
  if (web && isLoopback(origin.hostname) && isLoopback(url.hostname)) return;
  throw new AppError("ORIGIN_REFUSED", "Requests from that web page are refused.", {
    hint: "Open Trainyard's own page, or call from a program that sends no Origin.",
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "127.0.0.1" || hostname === "[::1]";
}

/** Addresses end up in logs, histories and referrers. */
const secretParameters =
  /^(?:access[-_]?token|auth[-_]?token|token|x?[-_]?api[-_]?key|authorization|bearer)$/i;

function checkQuery(url: URL): void {
  for (const name of url.searchParams.keys()) {
    if (!secretParameters.test(name)) continue;
    throw new AppError("TOKEN_IN_QUERY", "A token in the address is refused.", {
      hint: "Send it as the header Authorization: Bearer <token>, and replace it: addresses are logged on the way.",
    });
  }
}
