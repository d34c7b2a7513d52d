import { readFileSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { chooseHome } from "../paths.ts";
import { readAddress } from "../up/address.ts";
import { loadOrCreateSecrets } from "../up/secrets.ts";
import { UsageError } from "../usage-error.ts";

/** The flags that say which Trainyard is meant. There is none for the token itself: arguments are seen by every process. */
export const targetFlags = {
  url: { type: "string" },
  "token-file": { type: "string" },
  home: { type: "string" },
} as const;

export const targetHelp = `  --url URL           a Trainyard, as pasted into a client (or TRAINYARD_URL)
  --token-file FILE   a file that holds its token (or TRAINYARD_TOKEN_FILE, or the token in TRAINYARD_TOKEN)
  --home DIR          without a URL: the home whose running "trainyard up" is asked (or TRAINYARD_HOME)
`;

export interface Address {
  /** Without a slash at its end: `https://host`, or with the path that a proxy puts in front. */
  readonly base: string;
  /** The MCP door with its toolset: `https://host/mcp`, `https://host/mcp/core`. */
  readonly mcpUrl: string;
}

/** Reads anew at each question: a Trainyard that was started meanwhile and a token that was replaced are found. */
export interface Target {
  /** Throws CONTROL_PLANE_UNREACHABLE when none is given and none runs. */
  address(): Address;
  /** As a header's value. Throws AUTH_REQUIRED or AUTH_INVALID. */
  token(): string;
}

type Flags = { readonly [Name in keyof typeof targetFlags]?: string | undefined };

/** Flag, then environment, then the home's running `up`. Throws UsageError for an address that is none. */
export function chooseTarget(flags: Flags, environment: NodeJS.ProcessEnv = process.env): Target {
  const variable = (name: string): string | undefined => environment[name] || undefined;
  const written = flags.url ?? variable("TRAINYARD_URL");
  const given = written === undefined ? null : parseAddress(written);
  const home = chooseHome(flags.home);
  const running = (): Address | null => {
    const url = readAddress(home);
    return url === null ? null : parseAddress(url);
  };
  return {
    address() {
      const address = given ?? running();
      if (address !== null) return address;
      throw new AppError("CONTROL_PLANE_UNREACHABLE", "No Trainyard runs with this home.", {
        hint: "Start it with: trainyard up. Or name one elsewhere with --url or TRAINYARD_URL.",
        details: { home },
      });
    },
    token() {
      const file = flags["token-file"];
      if (file !== undefined) return tokenIn(file);
      const token = variable("TRAINYARD_TOKEN");
      if (token !== undefined) return headerValue(token, "TRAINYARD_TOKEN");
      const fileFromEnvironment = variable("TRAINYARD_TOKEN_FILE");
      if (fileFromEnvironment !== undefined) return tokenIn(fileFromEnvironment);
      const local = running();
      // The home's token is for the home's own Trainyard: no other address may get it.
      if (local !== null && (given === null || samePlace(given, local))) {
        return headerValue(loadOrCreateSecrets(home).ownerToken, "the home");
      }
      throw new AppError("AUTH_REQUIRED", "No token was given.", {
        hint: "Write it into a file and give --token-file FILE, or set TRAINYARD_TOKEN_FILE or TRAINYARD_TOKEN.",
      });
    },
  };
}

/** Takes what people paste: with or without `/mcp` or a toolset at its end. */
export function parseAddress(text: string): Address {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new UsageError(
      "The URL is not one of a Trainyard. It looks like https://trainyard.example.com/mcp",
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new UsageError(
      "The URL must not hold a user, a password, a query or a fragment; the token goes into a file.",
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  const [, front = "", door = "/mcp"] = /^(.*?)(\/mcp(?:\/[a-z]+)?)?$/.exec(path) ?? [];
  return { base: url.origin + front, mcpUrl: url.origin + front + door };
}

/** A secret that travels without TLS can be read on the way; on one machine nobody is on the way. */
export function isUnprotected(address: Address): boolean {
  const url = new URL(address.base);
  return url.protocol === "http:" && !loopback.has(url.hostname);
}

const loopback: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

function samePlace(one: Address, other: Address): boolean {
  const [a, b] = [new URL(one.base), new URL(other.base)];
  return (
    a.origin === b.origin ||
    (a.protocol === b.protocol &&
      a.port === b.port &&
      loopback.has(a.hostname) &&
      loopback.has(b.hostname))
  );
}

function tokenIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    throw new AppError("AUTH_REQUIRED", `The file of the token cannot be read (${String(code)}).`, {
      hint: "Check --token-file or TRAINYARD_TOKEN_FILE.",
      details: { path },
      cause,
    });
  }
  return headerValue(text, "the token file");
}

/** Checked here, because the platform repeats a header it refuses in its message. A header holds bytes: UTF-8. */
function headerValue(text: string, from: string): string {
  const token = text.replace(/^\uFEFF/, "").trim();
  if (token === "" || /[\s\p{C}]/u.test(token)) {
    throw new AppError(
      "AUTH_INVALID",
      token === ""
        ? `There is no token in ${from}.`
        : `What stands in ${from} is not one token: it holds a space or a line break.`,
      { hint: "It holds the token and nothing else." },
    );
  }
  return `Bearer ${Buffer.from(token, "utf8").toString("latin1")}`;
}
