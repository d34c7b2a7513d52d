/** What this page's link is for, as the page was written for it. */
export interface Link {
  readonly address: string;
  readonly dataset: string;
  /** The only name that the link takes. */
  readonly filename: string | null;
  readonly isOnce: boolean;
  readonly partBytes: number;
  readonly fileBytes: number;
  /** By this machine's clock, which may be wrong: the page says how long the link still holds. */
  readonly endsAtMs: number;
}

export function readLink({ dataset: said }: HTMLElement): Link {
  return {
    address: location.origin + location.pathname.replace(/\/$/, ""),
    dataset: said["dataset"] ?? "",
    filename: said["filename"] ?? null,
    isOnce: said["once"] !== undefined,
    partBytes: Number(said["partBytes"]),
    fileBytes: Number(said["fileBytes"]),
    endsAtMs: Date.now() + Number(said["secondsLeft"]) * 1_000,
  };
}

/** Codes after which the link takes nothing more. */
export const linkEnds: ReadonlySet<string> = new Set([
  "LINK_EXPIRED",
  "LINK_INVALID",
  "LINK_REVOKED",
  "LINK_USED",
]);
