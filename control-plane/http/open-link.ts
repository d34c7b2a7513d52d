import type { Context } from "hono";
import { unwrap } from "../outcome.ts";
import { hubOf } from "../stubs.ts";
import { revoked, used } from "../hub/link-ends.ts";
import { verify } from "../transfer/links.ts";
import type { LinkPayload } from "../transfer/links.ts";
import type { Door } from "./door.ts";

/**
 * The link of this request, when it holds: signed by us, of this kind, not expired, not taken back, not used up. `mayHold` says who
 * may use a link for one time again: the file of an upload, which is one and the same however often it is sent.
 */
export async function openLink<Kind extends LinkPayload["kind"]>(
  c: Context<Door>,
  kind: Kind,
  mayHold: (holder: string) => boolean = () => false,
): Promise<Extract<LinkPayload, { kind: Kind }>> {
  const token = c.req.param("token") ?? "";
  const link = await verify(token, kind, c.get("settings").linkKey, Date.now());
  const end = unwrap(await hubOf(c.env, link.o).links("state", linkName(link)));
  if (end?.kind === "revoked") throw revoked();
  if (end?.kind === "used" && !mayHold(end.holder)) throw used();
  return link;
}

export function linkName(link: LinkPayload): { nonce: string; expiresAtMs: number } {
  return { nonce: link.n, expiresAtMs: link.exp * 1_000 };
}
