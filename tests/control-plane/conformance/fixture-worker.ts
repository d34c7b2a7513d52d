// The product's Worker with one more door, for the conformance suite only: below /fixtures what the suite wants to find is offered, through
// the very same code. The product's own door stays as it is beside it.
import { createApp } from "../../../control-plane/app.ts";
import type { Env } from "../../../control-plane/env.ts";
import worker, { Hub, Job, Transfer } from "../../../control-plane/worker.ts";
import { fixtureOffer } from "./fixture-offer.ts";

export { Hub, Job, Transfer };

const prefix = "/fixtures";
const fixtures = createApp(fixtureOffer);

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response> {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(`${prefix}/`)) return worker.fetch(request, env, ctx);
    url.pathname = url.pathname.slice(prefix.length);
    return fixtures.fetch(new Request(url, request), env, ctx);
  },
};
