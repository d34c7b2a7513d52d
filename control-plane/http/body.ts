import { AppError } from "@trainyard/shared/errors.ts";

const callExample = 'Send for example {"name": "list-agents", "arguments": {}}.';

/**
 * Reads a JSON body and stops at the bound while reading: a length in a header is only a claim. Throws INVALID_JSON,
 * INVALID_REQUEST for one that is cut, PAYLOAD_TOO_LARGE.
 */
export async function readJsonBody(
  request: Request,
  maxBytes: number,
  example = callExample,
): Promise<unknown> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) {
    // A client that is still sending when the connection closes sees a reset, not the answer: take a little more first.
    if (declared <= maxBytes + drainedBytes) await drain(request.body);
    throw tooLarge(maxBytes);
  }
  const bytes = await readBounded(request.body, maxBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new AppError("INVALID_JSON", "The body is not UTF-8 text.", { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AppError("INVALID_JSON", "The body is not JSON.", {
      hint: example,
      cause,
    });
  }
}

/** Above this the upload is so wrong that a reset is answer enough. */
const drainedBytes = 8 * 1024 * 1024;

async function drain(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  for (let part = await next(reader); !part.done; part = await next(reader)) {
    // Only taken off the connection.
  }
}

async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await next(reader);
    if (done) break;
    total += value.byteLength;
    if (total > maxBytes) {
      await reader.cancel().catch(() => undefined);
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** What ends a body early is the caller's connection: a cut, or chunks that are none. */
async function next(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (cause) {
    throw new AppError("INVALID_REQUEST", "The body ended before it was complete.", {
      hint: "Send it again, with a Content-Length that is the body's or in well-formed chunks.",
      cause,
    });
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", `The body is larger than ${maxBytes} bytes.`, {
    hint: "Send files by a link of create-upload-link.",
    details: { max_body_bytes: maxBytes },
  });
}
