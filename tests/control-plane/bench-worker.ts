// The product's Worker with one more door, for the benchmark only: what the objects counted about themselves.
import worker, { Hub, Job, Transfer } from "../../control-plane/worker.ts";
import { hubOf, jobOf } from "../../control-plane/stubs.ts";
import type { Env } from "../../control-plane/env.ts";

export { Hub, Job, Transfer };

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
    return worker.fetch(request, env, ctx);
  },
};
