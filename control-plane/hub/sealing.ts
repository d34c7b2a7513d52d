import { AppError } from "@trainyard/shared/errors.ts";

/** Binds the key to this use of it. */
const purpose = "trainyard webhook secrets v1\n";
const ivBytes = 12;

/**
 * Destinations and secrets of alert routes at rest: AES-GCM under a key derived from TRAINYARD_LINK_KEY. Their addresses are
 * secrets themselves (whoever knows a Slack or ntfy address may write there).
 */
export function createSealer(readLinkKey: () => string) {
  let key: Promise<CryptoKey> | null = null;
  const sealingKey = (): Promise<CryptoKey> => {
    const linkKey = readLinkKey();
    if (linkKey === "") {
      throw new AppError("INTERNAL", "TRAINYARD_LINK_KEY is not set.", {
        hint: "Set the secret TRAINYARD_LINK_KEY (docs/deploy.md).",
      });
    }
    key ??= crypto.subtle
      .digest("SHA-256", new TextEncoder().encode(purpose + linkKey))
      .then((raw) =>
        crypto.subtle.importKey("raw", raw, { name: "AES-GCM" }, false, ["encrypt", "decrypt"]),
      );
    return key;
  };
  return {
    async seal(text: string): Promise<string> {
      const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
      const sealed = await crypto.subtle.encrypt(
        { name: "AES-GCM", iv },
        await sealingKey(),
        new TextEncoder().encode(text),
      );
      return toBase64(iv) + "." + toBase64(new Uint8Array(sealed));
    },
    /** Null when it was sealed under another key or is damaged. */
    async open(sealed: string): Promise<string | null> {
      const [iv = "", body = ""] = sealed.split(".");
      try {
        const text = await crypto.subtle.decrypt(
          { name: "AES-GCM", iv: fromBase64(iv) },
          await sealingKey(),
          fromBase64(body),
        );
        return new TextDecoder().decode(text);
      } catch {
        return null;
      }
    },
  };
}

export type Sealer = ReturnType<typeof createSealer>;

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
