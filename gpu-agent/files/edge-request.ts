import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";

export interface EdgeAnswer {
  readonly status: number;
  /** Read it to the end, or `discard` it. Throws when the connection is cut before the announced length. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as JSON; null when it is none. Only for short answers. */
  json(): Promise<unknown>;
  discard(): void;
}

export interface EdgeRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: AsyncGenerator<Uint8Array>;
  readonly signal: AbortSignal;
}

/**
 * One HTTP request to the control plane by Node's own client. The built-in `fetch` would load undici and keep some 30 MiB in
 * the resident agent for ever (measured), for two routes. Redirects are not followed. When the answer comes before the body is
 * sent, the rest is not sent.
 */
export async function askEdge(
  url: string,
  { method, headers, body, signal }: EdgeRequest,
): Promise<EdgeAnswer> {
  const open = url.startsWith("https:") ? requestHttps : requestHttp;
  const outgoing = open(url, { method, headers, signal, agent: false });
  const source = body === undefined ? null : Readable.from(body, { objectMode: false });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      outgoing.once("error", reject);
      if (source === null) outgoing.end();
      else {
        source.once("error", reject);
        source.pipe(outgoing);
      }
    });
    // A reset after the answer began shows at its body; without a listener it would end the process.
    outgoing.on("error", () => undefined);
    const done = (): void => {
      source?.destroy();
      if (!outgoing.writableFinished) outgoing.destroy();
    };
    response.once("close", done);
    return {
      status: response.statusCode ?? 0,
      body: response,
      json: async () => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of response) chunks.push(chunk as Buffer);
          return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
        } catch {
          return null;
        } finally {
          done();
        }
      },
      discard: () => {
        response.destroy();
      },
    };
  } catch (error) {
    source?.destroy();
    outgoing.destroy();
    throw error;
  }
}
