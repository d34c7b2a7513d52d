import { setTimeout as delay } from "node:timers/promises";
import {
  isJSONRPCRequest,
  isJSONRPCResponse,
  isJSONRPCResultResponse,
  parseJSONRPCMessage,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from "@modelcontextprotocol/client";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { notTrainyard } from "../door/http-door.ts";
import type { Target } from "../door/target.ts";
import { cutShort, wasNeverSent } from "../door/unreachable.ts";
import { explain, nullIdError, responseTo, serversOwn } from "./bridge-errors.ts";
import { messageLines } from "./message-lines.ts";

export interface StdioBridge {
  readonly input: AsyncIterable<Uint8Array>;
  /** Pure protocol goes here and nothing else. */
  write(text: string): Promise<void>;
  /** One line for people. */
  log(text: string): void;
  readonly target: Target;
  /** How long a request waits for a control plane that is away. */
  readonly reconnectMs: number;
}

interface InFlight {
  readonly method: string;
  readonly controller: AbortController;
  /** Ends when the answer was written, or nobody wants it any more. */
  readonly settle: () => void;
  readonly settled: Promise<void>;
}

/**
 * Carries MCP messages between a stdio client and a Trainyard, each request as one POST, and understands as little of them as
 * it can: both eras pass as they are. The official transport writes the headers that each era wants and reads both kinds of
 * answer. There is no session to lose, so after an outage the next request simply works. Ends when the input ends.
 */
export async function runStdioBridge(bridge: StdioBridge): Promise<void> {
  const inFlight = new Map<RequestId, InFlight>();
  const say = sayOnce((text) => bridge.log(text));
  const send = async (message: object): Promise<void> =>
    bridge.write(`${JSON.stringify(message)}\n`);
  // Where it really goes is asked anew at each request; the transport wants one address for its life.
  const transport = new StreamableHTTPClientTransport(new URL("http://trainyard.invalid/mcp"), {
    fetch: (_url, init) => fetchFrom(bridge, say, init ?? {}),
  });

  const answer = (id: RequestId, message: object): void => {
    const request = inFlight.get(id);
    if (request === undefined) return;
    inFlight.delete(id);
    void send(message).finally(request.settle);
  };
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's transport has no other way
  transport.onmessage = (message) => {
    if (!isJSONRPCResponse(message)) {
      void send(message);
      return;
    }
    if (message.id === undefined) return;
    if (
      inFlight.get(message.id)?.method === "initialize" &&
      isJSONRPCResultResponse(message) &&
      typeof message.result["protocolVersion"] === "string"
    ) {
      // The 2025 revisions say it once; a 2026 request says its own.
      transport.setProtocolVersion(message.result["protocolVersion"]);
    }
    answer(message.id, message);
  };
  await transport.start();

  const ask = async (message: JSONRPCRequest): Promise<void> => {
    const { id, method } = message;
    if (inFlight.has(id) || inFlight.size >= limits.bridgeRequests) {
      const text = inFlight.has(id) ? "has this id" : "would be too many at once";
      await send(responseTo(id, new AppError("QUOTA_EXCEEDED", `A request in flight ${text}.`)));
      return;
    }
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const controller = new AbortController();
    inFlight.set(id, { method, controller, settle, settled });
    try {
      await transport.send(message, {
        requestSignal: controller.signal,
        onRequestStreamEnd: () => answer(id, responseTo(id, cutShort())),
      });
    } catch (error) {
      if (controller.signal.aborted) return;
      if (serversOwn(error) === null) {
        const { code, message: text, hint } = explain(error);
        say(`${code}: ${text} ${hint ?? ""}`);
      }
      answer(id, responseTo(id, error));
    }
  };

  /** On stdio a cancellation is a message, over HTTP it is the end of the request. Nothing may be answered after it. */
  const cancel = (id: unknown): void => {
    const request = inFlight.get(id as RequestId);
    if (request === undefined) return;
    inFlight.delete(id as RequestId);
    request.controller.abort();
    request.settle();
  };

  const take = async (message: JSONRPCMessage): Promise<void> => {
    if (isJSONRPCRequest(message)) return ask(message);
    if ("method" in message && message.method === "notifications/cancelled") {
      cancel(message.params?.["requestId"]);
      return;
    }
    await transport.send(message).catch((error: unknown) => say(explain(error).message));
  };

  for await (const line of messageLines(bridge.input, limits.mcpBodyBytes)) {
    for (const message of await readMessages(line, send)) void take(message);
  }
  await drain(inFlight);
  await transport.close();
}

/** A line holds a message, or (2025-03-26) a batch of them. What is none is answered as JSON-RPC wants it. */
async function readMessages(
  line: string | null,
  send: (message: object) => Promise<void>,
): Promise<JSONRPCMessage[]> {
  if (line === null) {
    await send(nullIdError(-32_600, `A message is longer than ${limits.mcpBodyBytes} bytes.`));
    return [];
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    await send(nullIdError(-32_700, "A line is not JSON."));
    return [];
  }
  const messages: JSONRPCMessage[] = [];
  for (const one of Array.isArray(value) ? value : [value]) {
    try {
      messages.push(parseJSONRPCMessage(one));
    } catch {
      await send(nullIdError(-32_600, "A line is not a JSON-RPC 2.0 message."));
    }
  }
  return messages;
}

/** A request that found nobody is repeated until somebody is there: nothing of it was sent. */
async function fetchFrom(
  bridge: StdioBridge,
  say: (text: string | null) => void,
  init: RequestInit,
): Promise<Response> {
  const deadline = performance.now() + bridge.reconnectMs;
  for (;;) {
    try {
      const response = await fetchOnce(bridge.target, init);
      if (response.ok) say(null);
      return response;
    } catch (error) {
      if (!mayComeBack(error) || performance.now() >= deadline) throw error;
      say("No Trainyard answers; waiting for it.");
      await delay(limits.bridgeRetryMs, undefined, init.signal ? { signal: init.signal } : {});
    }
  }
}

const protocolTypes = /^(?:application\/json|text\/event-stream)\b/i;

async function fetchOnce(target: Target, init: RequestInit): Promise<Response> {
  const { mcpUrl } = target.address();
  const headers = new Headers(init.headers);
  headers.set("authorization", target.token());
  const response = await fetch(mcpUrl, { ...init, headers, redirect: "manual" });
  const redirects = response.status >= 300 && response.status < 400;
  const page =
    response.status === 200 && !protocolTypes.test(response.headers.get("content-type") ?? "");
  if (redirects || page) {
    await response.body?.cancel();
    throw notTrainyard(response.status);
  }
  return response;
}

/** Not there yet: no connection, or no `up` with this home so far. */
function mayComeBack(error: unknown): boolean {
  return error instanceof AppError
    ? error.code === "CONTROL_PLANE_UNREACHABLE" && error.details?.["home"] !== undefined
    : wasNeverSent(error);
}

/** The input's end says that nobody asks any more; who piped requests in still wants what they asked for. */
async function drain(inFlight: ReadonlyMap<RequestId, InFlight>): Promise<void> {
  const due = [...inFlight.values()].filter(({ method }) => method !== "subscriptions/listen");
  const timeout = new AbortController();
  await Promise.race([
    Promise.all(due.map(({ settled }) => settled)),
    delay(limits.bridgeDrainMs, undefined, { signal: timeout.signal }).catch(() => undefined),
  ]);
  timeout.abort();
}

/** A client that asks every second must not fill its log; null says that all is well again. */
function sayOnce(log: (text: string) => void): (text: string | null) => void {
  let last: string | null = null;
  return (text) => {
    if (text === last) return;
    log(text ?? "Trainyard answers again.");
    last = text;
  };
}
