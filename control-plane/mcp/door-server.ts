import { Server } from "@modelcontextprotocol/server";
import type { Implementation, ServerContext, ServerOptions } from "@modelcontextprotocol/server";
import { protocolError } from "./protocol-errors.ts";

type Handler = Parameters<Server["_wrapHandler"]>[1];

/**
 * The SDK's server, whose refusals are for readers. On its own it answers parameters of a wrong shape with -32603 and a dump of its
 * checker, and whatever a handler throws with that error's message.
 */
export class DoorServer extends Server {
  readonly #requestId: string;

  constructor(info: Implementation, options: ServerOptions, requestId: string) {
    super(info, options);
    this.#requestId = requestId;
  }

  /** The SDK's hook, at every method's registration; also while its own constructor runs. */
  protected override _wrapHandler(method: string, handler: Handler): Handler {
    const answer = super._wrapHandler(method, handler);
    return async (request, context: ServerContext) => {
      try {
        return await answer(request, context);
      } catch (error) {
        throw protocolError(error, method, this.#requestId);
      }
    };
  }
}
