import { AppError } from "@trainyard/shared/errors.ts";
import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { scopeAllows } from "@trainyard/shared/tools/toolsets.ts";
import type { Principal, Settings, TokenGrant } from "../env.ts";

const allScopes: readonly Scope[] = ["read", "train", "admin"];
const tokenCharacters = 4_096;

/** Who calls, or AUTH_REQUIRED, or AUTH_INVALID. Every known token is compared, so that time tells nothing. */
export async function authenticate(headers: Headers, settings: Settings): Promise<Principal> {
  const token = presentedToken(headers);
  if (token === null) {
    throw new AppError("AUTH_REQUIRED", "A token is needed.", {
      hint: "Send it as Authorization: Bearer <token>, or as X-API-Key.",
    });
  }
  if (token.length > tokenCharacters) throw unknownToken();
  const digests = await Promise.all(
    bytesOf(token).map((bytes) => crypto.subtle.digest("SHA-256", bytes)),
  );
  let grant: TokenGrant | null = null;
  for (const candidate of settings.tokens) {
    const known = fromHex(candidate.sha256);
    for (const digest of digests) {
      if (crypto.subtle.timingSafeEqual(digest, known)) grant = candidate;
    }
  }
  if (grant === null) throw unknownToken();
  return { owner: grant.owner, tokenId: grant.id, scopes: impliedScopes(grant.scopes) };
}

/** One refusal for all of them: what is wrong with a guess is nobody's to know. */
function unknownToken(): AppError {
  return new AppError("AUTH_INVALID", "This token is not known here.", {
    hint: "Check that it belongs to this control plane and was not replaced.",
  });
}

/** `train` can read, `admin` can do everything. */
function impliedScopes(granted: readonly Scope[]): ReadonlySet<Scope> {
  return new Set(allScopes.filter((needed) => granted.some((scope) => scopeAllows(scope, needed))));
}

/** Scopes are a ladder; the toolsets ask for its highest step. */
export function highestScope(principal: Principal): Scope {
  return principal.scopes.has("admin") ? "admin" : principal.scopes.has("train") ? "train" : "read";
}

function presentedToken(headers: Headers): string | null {
  const bearer = /^bearer +(.+)$/i.exec(headers.get("authorization")?.trim() ?? "")?.[1];
  const token = (bearer ?? headers.get("x-api-key") ?? "").trim();
  return token === "" ? null : token;
}

/** A header holds bytes. A token beyond ASCII is given as UTF-8 by some clients and shown to us as Latin-1 by the runtime. */
function bytesOf(token: string): Uint8Array[] {
  const utf8 = new TextEncoder().encode(token);
  if (utf8.byteLength === token.length || /[^\0-\xff]/.test(token)) return [utf8];
  return [utf8, Uint8Array.from(token, (character) => character.charCodeAt(0))];
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16),
  );
}
