import { AppError } from "../errors.ts";

/** Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body` with the bytes of a `whsec_` secret of 24 to 64 bytes. */
const prefix = "whsec_";
const secretBytes = { made: 32, min: 24, max: 64 };

export function newWebhookSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(secretBytes.made));
  return prefix + btoa(String.fromCharCode(...bytes));
}

/** The key inside a secret. Throws INVALID_ARGUMENT. */
export function parseWebhookSecret(secret: string): Uint8Array<ArrayBuffer> {
  let latin1 = "";
  try {
    if (secret.startsWith(prefix)) latin1 = atob(secret.slice(prefix.length));
  } catch {
    // Not base64: judged by its length below.
  }
  if (latin1.length < secretBytes.min || latin1.length > secretBytes.max) {
    throw new AppError("INVALID_ARGUMENT", "secret is no Standard Webhooks secret.", {
      hint: `Leave it out and one is made, or give ${prefix} and the base64 of ${secretBytes.min} to ${secretBytes.max} bytes.`,
      details: { field: "secret" },
    });
  }
  return Uint8Array.from(latin1, (character) => character.charCodeAt(0));
}

/** The three headers of one attempt. The id is the same in all attempts, the timestamp is the attempt's. */
export async function signedHeaders(
  secret: string,
  id: string,
  atMs: number,
  body: string,
): Promise<Readonly<Record<string, string>>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const key = await crypto.subtle.importKey(
    "raw",
    parseWebhookSecret(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${btoa(String.fromCharCode(...signature))}`,
  };
}
