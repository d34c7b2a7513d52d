import { askEdge } from "../../files/edge-request.ts";

/** Where the Web UI of AI Toolkit answers, and what it wants to see there. */
export interface UiAddress {
  /** Without a slash at its end. */
  readonly url: string;
  /** `host:port`, for people. */
  readonly shown: string;
  readonly loopback: boolean;
  readonly bearer: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Its `start` script's own port (ui/package.json at 27a03a91). */
const defaultPort = "8675";

/**
 * `AI_TOOLKIT_SERVER_URL` and `AI_TOOLKIT_AUTH`; null where no server is named. A host alone is enough, and http without a port is
 * port 8675. Throws UiProblem `setting` for what is no address.
 */
export function uiAddress(environment: Environment): UiAddress | null {
  const named = environment["AI_TOOLKIT_SERVER_URL"]?.trim() ?? "";
  if (named === "") return null;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(named) ? named : `http://${named}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UiProblem("setting", "AI_TOOLKIT_SERVER_URL is no http address.");
  if (url.username !== "" || url.password !== "")
    throw new UiProblem("setting", "AI_TOOLKIT_SERVER_URL must not hold a user or a password.");
  // The URL class drops the scheme's own port: whoever wrote :80 means it.
  const wrotePort = /^[^/]*\/\/(?:\[[^\]]*\]|[^/:?#]*):\d+/.test(text);
  if (url.protocol === "http:" && !wrotePort) url.port = defaultPort;
  const bearer = environment["AI_TOOLKIT_AUTH"]?.trim() ?? "";
  if (/[^\x21-\x7e]/.test(bearer))
    throw new UiProblem("setting", "AI_TOOLKIT_AUTH holds characters that no header may have.");
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, "")}`,
    shown: url.host,
    loopback: /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname),
    bearer: bearer === "" ? null : bearer,
  };
}

/**
 * `setting`: nobody was asked, a variable of the agent is wrong. `unreachable`: nobody answered, or the answer was cut. `refused`: an HTTP error of the server's own. `odd`: an answer that it
 * would not give, so perhaps another server.
 */
export type UiProblemKind =
  | "setting"
  | "unreachable"
  | "unauthorized"
  | "not-found"
  | "conflict"
  | "refused"
  | "too-large"
  | "odd";

/** Our words; what the server said stands in `said`. */
export class UiProblem extends Error {
  readonly kind: UiProblemKind;
  readonly said: string | null;

  constructor(kind: UiProblemKind, message: string, said: string | null = null) {
    super(message);
    this.name = "UiProblem";
    this.kind = kind;
    this.said = said;
  }
}

interface UiRequest {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** It changes something there, though most of them are GETs. */
  readonly acts?: boolean;
}

interface UiBytes {
  readonly status: number;
  readonly bytes: Buffer;
  /** Length of the whole file where a range of it was given. */
  readonly total: number | null;
}

export interface UiServer {
  readonly address: UiAddress;
  /** The answer's JSON. Throws UiProblem and nothing else. */
  json(request: UiRequest): Promise<unknown>;
  /** Of any status below 400. */
  bytes(request: UiRequest): Promise<UiBytes>;
}

export interface UiServerLimits {
  readonly answerMs: number;
  readonly answerBytes: number;
  /** Ends what is under way when the agent goes. */
  readonly signal?: AbortSignal;
}

export function createUiServer(address: UiAddress, bounds: UiServerLimits): UiServer {
  const ask = async (request: UiRequest): Promise<UiBytes> => {
    const { method = "GET", path, body, headers = {}, acts = false } = request;
    const sent = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const signals = [AbortSignal.timeout(bounds.answerMs)];
    if (bounds.signal !== undefined) signals.push(bounds.signal);
    try {
      const answer = await askEdge(address.url + path, {
        method,
        headers: {
          accept: "application/json",
          ...(address.bearer === null ? {} : { authorization: `Bearer ${address.bearer}` }),
          ...(sent === null
            ? {}
            : { "content-type": "application/json", "content-length": String(sent.byteLength) }),
          ...headers,
        },
        ...(sent === null ? {} : { body: (write) => write(sent) }),
        signal: AbortSignal.any(signals),
        // Put twice, a start would put a job that runs by then back into its queue.
        once: acts,
      });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of answer.body) {
        bytes += chunk.byteLength;
        if (bytes > bounds.answerBytes) {
          answer.discard();
          throw new UiProblem(
            "too-large",
            `It answers with more than ${bounds.answerBytes} bytes.`,
          );
        }
        chunks.push(chunk);
      }
      return {
        status: answer.status,
        bytes: Buffer.concat(chunks),
        total: totalOf(answer.headers["content-range"]),
      };
    } catch (error) {
      if (error instanceof UiProblem) throw error;
      const { code, name } = error as { code?: unknown; name?: unknown };
      const late = name === "TimeoutError" || code === "ABORT_ERR" || code === 23;
      throw new UiProblem(
        "unreachable",
        late ? `It did not answer within ${bounds.answerMs / 1_000} s.` : "It does not answer.",
        typeof code === "string" ? code : null,
      );
    }
  };

  const bytes = async (request: UiRequest): Promise<UiBytes> => {
    const answer = await ask(request);
    if (answer.status < 300) return answer;
    throw problemOf(answer);
  };

  return {
    address,
    bytes,
    async json(request) {
      const answer = await bytes(request);
      try {
        return JSON.parse(answer.bytes.toString("utf8")) as unknown;
      } catch {
        throw new UiProblem("odd", "Its answer is no JSON.");
      }
    },
  };
}

/** `bytes 0-7/4711`. */
function totalOf(contentRange: string | string[] | undefined): number | null {
  const total = /^bytes \d+-\d+\/(\d{1,15})$/.exec(String(contentRange))?.[1];
  return total === undefined ? null : Number(total);
}

function problemOf({ status, bytes }: UiBytes): UiProblem {
  const said = errorOf(bytes);
  if (status < 400) return new UiProblem("odd", `It sends elsewhere (HTTP ${status}).`);
  if (status === 401)
    return new UiProblem("unauthorized", "It does not accept AI_TOOLKIT_AUTH.", said);
  if (status === 404) return new UiProblem("not-found", "It does not know that.", said);
  if (status === 409) return new UiProblem("conflict", "It has one of that name already.", said);
  // What stands in front of a server that is being restarted says 502 to 504, as its own file server does.
  if (status >= 502 && status <= 504)
    return new UiProblem("unreachable", `It is not up (HTTP ${status}).`, said);
  return new UiProblem("refused", `It failed (HTTP ${status}).`, said);
}

const saidCharacters = 200;

function errorOf(bytes: Buffer): string | null {
  try {
    const value: unknown = JSON.parse(bytes.subarray(0, 10_000).toString("utf8"));
    const said = (value as { error?: unknown } | null)?.error;
    return typeof said === "string" ? said.slice(0, saidCharacters) : null;
  } catch {
    return null;
  }
}
