import { unwrap } from "../outcome.ts";
import { invalidLink, readLink } from "../transfer/links.ts";
import type { EdgeHandler } from "./context.ts";
import { iso } from "./words.ts";

export const revokeLink: EdgeHandler<"revoke-link"> = async ({ url }, context) => {
  const token = /\/files\/[udr]\/([\w.-]+)/.exec(url)?.[1] ?? url.trim();
  const link = await readLink(token, context.settings.linkKey);
  // A foreign link is an unknown link.
  if (link.o !== context.principal.owner) throw invalidLink();
  const expiresAtMs = link.exp * 1_000;
  unwrap(await context.hub.links("revoke", { nonce: link.n, expiresAtMs }));
  return {
    data: { revoked: true, kind: link.kind, expires_at: iso(expiresAtMs) },
    text: `This ${link.kind} link works for nobody any more. Next: create-${link.kind === "report" ? "download" : link.kind}-link makes another one.`,
  };
};
