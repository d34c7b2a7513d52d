import { AppError } from "@trainyard/shared/errors.ts";
import { text } from "../storage.ts";
import type { Store } from "../storage.ts";

/**
 * Signed links that ended before their time. A link itself is stored nowhere; only what takes it back is, and only until it would
 * have expired anyway.
 */
type LinkEnd =
  | { readonly kind: "revoked" }
  /** A link for one time; `holder` is what used it, so that the same may ask again (`transfer/one-upload.ts` for uploads). */
  | { readonly kind: "used"; readonly holder: string };

interface LinkName {
  readonly nonce: string;
  readonly expiresAtMs: number;
}

export interface LinkRequests {
  readonly state: { readonly request: LinkName; readonly answer: LinkEnd | null };
  /** Throws LINK_USED when another has used it, LINK_REVOKED. */
  readonly use: {
    readonly request: LinkName & { readonly holder: string };
    readonly answer: LinkEnd;
  };
  /** Another holder in place of this one, or with null nobody: a no-op where it is not held by this one. */
  readonly pass: {
    readonly request: LinkName & { readonly from: string; readonly to: string | null };
    readonly answer: null;
  };
  readonly revoke: { readonly request: LinkName; readonly answer: LinkEnd };
}

export type LinkRequestName = keyof LinkRequests;

export interface LinkEnds {
  answer<Name extends LinkRequestName>(
    name: Name,
    request: LinkRequests[Name]["request"],
    nowMs: number,
  ): LinkRequests[Name]["answer"];
}

export function createLinkEnds(store: Store): LinkEnds {
  const read = (nonce: string): LinkEnd | null => {
    const row = store.first("SELECT kind, holder FROM link_ends WHERE nonce = ?", nonce);
    if (row === null) return null;
    return text(row, "kind") === "revoked"
      ? { kind: "revoked" }
      : { kind: "used", holder: text(row, "holder") };
  };
  const write = ({ nonce, expiresAtMs }: LinkName, end: LinkEnd, nowMs: number): LinkEnd => {
    store.run("DELETE FROM link_ends WHERE expires_at_ms < ?", nowMs);
    store.run(
      `INSERT INTO link_ends (nonce, kind, holder, expires_at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (nonce) DO UPDATE SET kind = excluded.kind, holder = excluded.holder`,
      nonce,
      end.kind,
      end.kind === "used" ? end.holder : "",
      expiresAtMs,
    );
    return end;
  };
  const requests: {
    readonly [Name in LinkRequestName]: (
      request: LinkRequests[Name]["request"],
      nowMs: number,
    ) => LinkRequests[Name]["answer"];
  } = {
    state: ({ nonce }) => read(nonce),
    use: ({ holder, ...link }, nowMs) => {
      const before = read(link.nonce);
      if (before?.kind === "revoked") throw revoked();
      if (before?.kind === "used" && before.holder !== holder) throw used();
      return before ?? write(link, { kind: "used", holder }, nowMs);
    },
    pass: ({ from, to, ...link }, nowMs) => {
      const before = read(link.nonce);
      if (before?.kind !== "used" || before.holder !== from) return null;
      if (to !== null) write(link, { kind: "used", holder: to }, nowMs);
      else store.run("DELETE FROM link_ends WHERE nonce = ?", link.nonce);
      return null;
    },
    revoke: (link, nowMs) => write(link, { kind: "revoked" }, nowMs),
  };
  return {
    answer: (name, request, nowMs) => requests[name](request, nowMs),
  };
}

export function revoked(): AppError {
  return new AppError("LINK_REVOKED", "This link was taken back.", {
    hint: "Ask whoever gave it to you for a new one.",
  });
}

export function used(): AppError {
  return new AppError("LINK_USED", "This link was for one time, and it was used.", {
    hint: "Ask whoever gave it to you for a new one.",
  });
}
