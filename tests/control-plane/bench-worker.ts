// The product's Worker with two more doors, for the benchmarks only: what the objects counted about themselves, and a plain
// streamed download out of an object, against which transfers are held.
import worker, { Hub, Job, Transfer as ProductTransfer } from "../../control-plane/worker.ts";
import { hubOf, jobOf, transferOf } from "../../control-plane/stubs.ts";
import type { Env } from "../../control-plane/env.ts";

export { Hub, Job };

const chunkBytes = 256 * 1024;

export class Transfer extends ProductTransfer {
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname !== "/bench/plain") return super.fetch(request);
    const bytes = Number(url.searchParams.get("bytes"));
    const { readable, writable } = new FixedLengthStream(bytes);
    void fill(writable.getWriter(), bytes);
    return new Response(readable, { headers: { "content-type": "application/octet-stream" } });
  }
}

/** Random bytes, over and over: the runtime must not gain by compressing them. */
async function fill(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: number): Promise<void> {
  const chunk = new Uint8Array(chunkBytes);
  for (let at = 0; at < chunkBytes; at += 65_536) {
    crypto.getRandomValues(chunk.subarray(at, at + 65_536));
  }
  for (let left = bytes; left > 0; left -= chunkBytes) {
    await writer.write(left >= chunkBytes ? chunk : chunk.slice(0, left));
  }
  await writer.close();
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/bench/usage") {
      const job = url.searchParams.get("job") ?? "";
      return Response.json({
        hub: await hubOf(env, "owner").usage(),
        job: await jobOf(env, "owner", job).usage(),
      });
    }
    if (url.pathname === "/bench/plain") {
      const response = await transferOf(env, "owner", "bench").fetch(request.url);
      return new Response(response.body, {
        headers: {
          "content-type": "application/octet-stream",
          "content-encoding": "identity",
          "content-length": url.searchParams.get("bytes") ?? "0",
        },
      });
    }
    return worker.fetch(request, env, ctx);
  },
};
