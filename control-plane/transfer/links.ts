import { AppError } from "@trainyard/shared/errors.ts";
import { fileSourceSchema } from "@trainyard/shared/protocol/operations/files.ts";
import { z } from "zod";

/**
 * A signed link is the permission: it names one owner, one box and one dataset or file, and ends at `exp`. Nothing is
 * stored for it, so nothing has to be cleaned up; short names because the payload stands in an address.
 */
const shared = {
  v: z.literal(1),
  /** Owner and agent. */
  o: z.string().min(1).max(80),
  a: z.string().min(1).max(80),
  /** Epoch seconds. */
  exp: z.int().min(0),
  /** Nonce: joins the parts of one file, and tells two links to the same dataset apart. */
  n: z.string().min(8).max(64),
};
/** It ends once one file went through it. */
const once = z.literal(true).optional();

const uploadSchema = z.strictObject({
  ...shared,
  kind: z.literal("upload"),
  d: z.string().min(1).max(64),
  f: z.string().min(1).max(300).optional(),
  once,
});

const downloadSchema = z.strictObject({
  ...shared,
  kind: z.literal("download"),
  s: fileSourceSchema,
  name: z.string().min(1).max(300),
  bytes: z.int().min(0),
  sha: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  type: z.string().min(1).max(120),
  /** Modification time on the box: models of one config are all equally long, so the length alone tells nothing. */
  m: z.number().optional(),
  once,
});

/** A report is made when it is fetched: what it is made of stands in the link, which holds for all its formats. */
const reportSchema = z.strictObject({
  ...shared,
  kind: z.literal("report"),
  j: z.string().min(1).max(100),
  /** Prefix of the file's name, and the time in it. */
  p: z.string().min(1).max(64),
  t: z.number(),
  /** One letter for each part that is in it: evaluation, dataset, captions, log. */
  i: z.string().regex(/^[edcl]{0,4}$/),
  /** Config name, dataset, lines and files as they were asked for, where they were. */
  c: z.string().max(300).optional(),
  d: z.string().max(300).optional(),
  l: z.int().optional(),
  m: z.int().optional(),
});

const payloadSchema = z.discriminatedUnion("kind", [uploadSchema, downloadSchema, reportSchema]);
export type UploadLink = z.infer<typeof uploadSchema>;
export type DownloadLink = z.infer<typeof downloadSchema>;
export type ReportLink = z.infer<typeof reportSchema>;
export type LinkPayload = UploadLink | DownloadLink | ReportLink;

/** Binds the signature to this use of the key. */
const purpose = "trainyard link v1\n";
const tokenCharacters = 8_192;

export function newNonce(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
}

export async function mint(payload: LinkPayload, key: string): Promise<string> {
  const body = toBase64Url(new TextEncoder().encode(JSON.stringify(payloadSchema.parse(payload))));
  const signature = await crypto.subtle.sign("HMAC", await importKey(key, "sign"), signed(body));
  return `${body}.${toBase64Url(new Uint8Array(signature))}`;
}

/** Throws LINK_INVALID or LINK_EXPIRED. */
export async function verify<Kind extends LinkPayload["kind"]>(
  token: string,
  kind: Kind,
  key: string,
  nowMs: number,
): Promise<Extract<LinkPayload, { kind: Kind }>> {
  const payload = await readLink(token, key);
  if (payload.kind !== kind) throw invalidLink();
  if (payload.exp * 1_000 <= nowMs) {
    throw new AppError("LINK_EXPIRED", "This link has expired.", {
      hint: `Make a new one with ${makers[kind]}.`,
      details: { expired_at: new Date(payload.exp * 1_000).toISOString() },
    });
  }
  return payload as Extract<LinkPayload, { kind: Kind }>;
}

/** Any link of ours, expired or not. The signature is checked before anything in the payload is read. Throws LINK_INVALID. */
export async function readLink(token: string, key: string): Promise<LinkPayload> {
  const parts = token.length <= tokenCharacters ? token.split(".") : [];
  const [body, signature] = parts;
  if (parts.length !== 2 || body === undefined || signature === undefined) throw invalidLink();
  const bytes = fromBase64Url(signature);
  const verified =
    bytes !== null &&
    (await crypto.subtle.verify("HMAC", await importKey(key, "verify"), bytes, signed(body)));
  const text = verified ? fromBase64Url(body) : null;
  if (text === null) throw invalidLink();
  return payloadSchema.parse(JSON.parse(new TextDecoder().decode(text)));
}

const makers: Readonly<Record<LinkPayload["kind"], string>> = {
  upload: "create-upload-link",
  download: "create-download-link",
  report: "export-observability-report",
};

export function invalidLink(): AppError {
  return new AppError("LINK_INVALID", "This link is not one of ours, or was changed.", {
    hint: "Copy the whole address, or make a new link.",
  });
}

/** An empty key would make every forged link a valid one. */
function importKey(key: string, usage: "sign" | "verify"): Promise<CryptoKey> {
  if (key.length < 32)
    throw new Error("TRAINYARD_LINK_KEY is missing or shorter than 32 characters");
  const bytes = new TextEncoder().encode(key);
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [usage]);
}

function signed(body: string): Uint8Array {
  return new TextEncoder().encode(purpose + body);
}

export function toBase64Url(bytes: Uint8Array): string {
  let latin1 = "";
  for (const byte of bytes) latin1 += String.fromCharCode(byte);
  return btoa(latin1).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Null where it is not base64url, or not the one way to write these bytes: a link has one spelling. */
export function fromBase64Url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const latin1 = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(latin1, (character) => character.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : null;
}
