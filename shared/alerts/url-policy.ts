import { AppError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";

/** Suffixes that mean "somewhere private" (RFC 6761, 6762, 8375, ICANN's `internal`), and names that resolve to a private address by design. */
const privateSuffixes = [
  "arpa",
  "corp",
  "example",
  "home",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "onion",
  "private",
  "test",
  "localtest.me",
  "lvh.me",
  "nip.io",
  "sslip.io",
  "vcap.me",
  "xip.io",
];
const ports: ReadonlySet<string> = new Set(["", "443", "8443"]);

/**
 * Where an alert may be sent (reliability 4.10): https, a public name, a usual port, no credentials. Asked when a
 * destination is given and again before every attempt. `allow` holds the operator's `host:port` entries: those, and only
 * those, may be anything else, http included. What a public name resolves to is not known here.
 */
export function checkDestination(text: string, allow: ReadonlySet<string>): URL {
  if (text.length > limits.destinationCharacters) {
    throw refusal(
      "INVALID_ARGUMENT",
      `destination is longer than ${limits.destinationCharacters} characters.`,
    );
  }
  // The parser would quietly drop line ends and turn backslashes around.
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(text) || !URL.canParse(text)) {
    throw refusal("INVALID_ARGUMENT", "destination is no URL.");
  }
  const url = new URL(text);
  url.hash = "";
  if (url.username !== "" || url.password !== "" || /^[a-z+.-]+:\/*[^/?#]*@/i.test(text)) {
    throw refusal("CREDENTIALS_IN_URL", "A user name or password in the destination is refused.");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw refusal("HTTPS_REQUIRED", "Alerts go to https addresses only.");
  }
  if (allow.has(hostAndPort(url))) return url;
  if (url.protocol !== "https:") {
    throw refusal("HTTPS_REQUIRED", "Alerts go to https addresses only.");
  }
  const host = url.hostname.toLowerCase().replace(/\.+$/, "");
  if (host.startsWith("[") || /^[\d.]+$/.test(host)) {
    throw refusal("HOST_REFUSED", "A numeric address as destination is refused.");
  }
  if (!host.includes(".") || privateSuffixes.some((suffix) => endsWithName(host, suffix))) {
    throw refusal("HOST_REFUSED", "The destination's name is not a public one.");
  }
  if (!ports.has(url.port)) {
    throw refusal("PORT_REFUSED", "The destination's port is refused; 443 and 8443 are possible.");
  }
  return url;
}

/** `TRAINYARD_WEBHOOK_ALLOW=host:port,…`; an entry without a port means 443. */
export function parseAllowList(text: string | undefined): ReadonlySet<string> {
  const entries = (text ?? "")
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .flatMap((entry) => (URL.canParse(`https://${entry}`) ? [new URL(`https://${entry}`)] : []));
  return new Set(entries.map(hostAndPort));
}

/** What a list may show of a destination: paths of such addresses are secrets. */
export function redactedDestination(url: URL): string {
  return url.pathname === "/" && url.search === "" ? url.origin : `${url.origin}/…`;
}

/** `host:port` as the operator writes it. */
export function hostAndPort(url: URL): string {
  const port = url.port === "" ? (url.protocol === "http:" ? "80" : "443") : url.port;
  return `${url.hostname.toLowerCase()}:${port}`;
}

function endsWithName(host: string, suffix: string): boolean {
  return host === suffix || host.endsWith(`.${suffix}`);
}

function refusal(code: ErrorCode, message: string): AppError {
  return new AppError(code, message, {
    hint: "Give an https URL with a public name. Only the operator can allow others, with TRAINYARD_WEBHOOK_ALLOW=host:port.",
    details: { field: "destination" },
  });
}
