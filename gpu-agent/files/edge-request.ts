import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

export interface EdgeAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Read it to the end, or `discard` it. Throws when the connection is cut before the announced length. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as JSON; null when it is none. Only for short answers. */
  json(): Promise<unknown>;
  discard(): void;
}

/** Resolves when the bytes are with the system, so that the buffer may be used again; rejects when the connection ended. */
type WriteBody = (chunk: Uint8Array) => Promise<void>;

export interface EdgeRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  /** Called a second time when a connection that was kept open turns out to be closed. */
  readonly body?: (write: WriteBody) => Promise<void>;
  readonly signal: AbortSignal;
  /** It has an effect that must not come twice: on a connection of its own, which cannot turn out to be stale. */
  readonly once?: boolean;
}

/**
 * Not imported: an import looks at every export of the module, among them the browser's WebSocket, which loads undici and keeps
 * 14 MiB in the agent (measured, Node 24.21).
 */
const { Agent: HttpAgent, request: requestHttp } = process.getBuiltinModule("node:http");

/** A part is a request: a new connection each time would cost a TLS handshake for every 8 MiB. */
const agents = {
  http: new HttpAgent({ keepAlive: true, maxFreeSockets: 4 }),
  https: new HttpsAgent({ keepAlive: true, maxFreeSockets: 4 }),
};

/**
 * One HTTP request to the control plane by Node's own client. The built-in `fetch` would load undici and keep some 30 MiB in
 * the resident agent for ever (measured), for two routes. Redirects are not followed. When the answer comes before the body is
 * sent, the rest is not sent; `body` has ended when this, or the answer's reading, is over.
 */
export async function askEdge(url: string, request: EdgeRequest): Promise<EdgeAnswer> {
  try {
    return await askOnce(url, request);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return askOnce(url, request);
  }
}

/** The other end closed a kept connection while the request was on its way; nothing was answered, so it is asked again. */
class StaleConnection extends Error {}

async function askOnce(
  url: string,
  { method, headers, body, signal, once = false }: EdgeRequest,
): Promise<EdgeAnswer> {
  const isSecure = url.startsWith("https:");
  const open = isSecure ? requestHttps : requestHttp;
  const agent = once ? false : isSecure ? agents.https : agents.http;
  const outgoing = open(url, { method, headers, signal, agent });
  // What ends a request, or a write to it that never comes back.
  const closed = new Promise<never>((_resolve, reject) => {
    outgoing.once("close", () => reject(new Error("the connection ended")));
  });
  closed.catch(() => undefined);
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
  });
  answered.catch(() => undefined);
  const sending = sendBody(outgoing, body, closed);
  try {
    const response = await Promise.race([answered, failureOf(sending)]);
    // A reset after the answer began shows at its body; without a listener it would end the process.
    outgoing.on("error", () => undefined);
    return answerOf(outgoing, response, sending);
  } catch (error) {
    outgoing.on("error", () => undefined);
    outgoing.destroy();
    await sending.catch(() => undefined);
    const { code } = error as { code?: unknown };
    if (outgoing.reusedSocket && !signal.aborted && (code === "ECONNRESET" || code === "EPIPE")) {
      throw new StaleConnection();
    }
    throw error;
  }
}

async function sendBody(
  outgoing: ClientRequest,
  body: EdgeRequest["body"],
  closed: Promise<never>,
): Promise<void> {
  const write: WriteBody = (chunk) =>
    Promise.race([
      closed,
      new Promise<void>((resolve, reject) => {
        outgoing.write(chunk, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      }),
    ]);
  await body?.(write);
  outgoing.end();
}

/** Only a reader that failed by itself: a write that was refused because the answer came first is no failure. */
function failureOf(sending: Promise<void>): Promise<never> {
  return new Promise((_resolve, reject) => {
    sending.catch((error: unknown) => {
      // The connection's own error is told by the request; it comes in the same turn.
      setImmediate(() => reject(error));
    });
  });
}

function answerOf(
  outgoing: ClientRequest,
  response: IncomingMessage,
  sending: Promise<void>,
): EdgeAnswer {
  const done = async (): Promise<void> => {
    if (!outgoing.writableFinished) outgoing.destroy();
    await sending.catch(() => undefined);
  };
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: response,
    json: async () => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer);
        return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
      } catch {
        return null;
      } finally {
        await done();
      }
    },
    discard: () => {
      response.destroy();
      void done();
    },
  };
}
