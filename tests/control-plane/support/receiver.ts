import { Webhook } from "standardwebhooks";
import { vi } from "vitest";

export interface ReceivedRequest {
  readonly url: string;
  readonly method: string;
  readonly redirect: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // Tests read many shapes; each asserts what it reads.
  readonly body: Record<string, any>;
  readonly atMs: number;
}

/** Stands where the Worker's requests leave it: everything that goes out is seen, and only by the answer it gets back. */
export interface Receiver {
  readonly requests: ReceivedRequest[];
  answer(next: (request: ReceivedRequest) => Response | Promise<Response>): void;
}

export function catchRequests(): Receiver {
  const requests: ReceivedRequest[] = [];
  let respond: (request: ReceivedRequest) => Response | Promise<Response> = () =>
    new Response(null, { status: 204 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    // The Worker sends text to an URL, and nothing else.
    const text = typeof init?.body === "string" ? init.body : "";
    const request: ReceivedRequest = {
      url: input instanceof Request ? input.url : new URL(input).href,
      method: init?.method ?? "GET",
      redirect: init?.redirect,
      headers: Object.fromEntries(new Headers(init?.headers)),
      text,
      body: JSON.parse(text) as Record<string, any>,
      atMs: Date.now(),
    };
    requests.push(request);
    const signal = init?.signal;
    return Promise.race([
      respond(request),
      new Promise<never>((_, reject) =>
        signal?.addEventListener("abort", () => reject(signal.reason as Error)),
      ),
    ]);
  });
  return {
    requests,
    answer: (next) => {
      respond = next;
    },
  };
}

/** With the public library, whose own clock is the test's. Throws when the signature is not the body's. */
export function verified(request: ReceivedRequest, secret: string): unknown {
  return new Webhook(secret).verify(request.text, { ...request.headers });
}
