import { createRequestStateCodec } from "@modelcontextprotocol/server";
import type { RequestStateCodec, ServerContext } from "@modelcontextprotocol/server";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import type { McpDoor } from "./mcp-door.ts";

/** Binds the key to this use of it. */
const purpose = "trainyard mcp request state v1\n";

export interface RequestStates {
  mint(state: unknown, context: ServerContext): Promise<string>;
  /** Throws for what is not ours, was changed, is over, or was given to another caller or for another method. */
  verify(state: string, context: ServerContext): Promise<unknown>;
}

/** What goes with a question and comes back with its answer: signed, so that any isolate may take the next round. */
export function requestStates({ settings, principal }: McpDoor): RequestStates {
  let made: RequestStateCodec | null = null;
  const codec = (): RequestStateCodec => {
    if (settings.linkKey === "") {
      throw new AppError("INTERNAL", "TRAINYARD_LINK_KEY is not set.", {
        hint: "Set the secret TRAINYARD_LINK_KEY (docs/deploy.md).",
      });
    }
    made ??= createRequestStateCodec({
      key: purpose + settings.linkKey,
      ttlSeconds: limits.questionSeconds,
      bind: ({ mcpReq }) => [mcpReq.method, principal.owner, principal.tokenId].join("\0"),
    });
    return made;
  };
  return {
    mint: (state, context) => codec().mint(state, context),
    verify: async (state, context) => codec().verify(state, context),
  };
}
