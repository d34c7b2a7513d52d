import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { z } from "zod";
import { writeFileAtomic } from "../../files/atomic-write.ts";

const secretsSchema = z.object({
  /** Everything. */
  ownerToken: z.string().min(32),
  /** Only reads: for a phone, a dashboard, a curious agent. */
  readToken: z.string().min(32),
  linkKey: z.string().min(64),
});
export type Secrets = z.infer<typeof secretsSchema>;

/** What the local control plane needs to be secret, made once per home and readable by its owner alone. */
export function loadOrCreateSecrets(homeRoot: string): Secrets {
  const folder = join(homeRoot, "control-plane");
  const path = join(folder, "secrets.json");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const mode = statSync(path).mode & 0o777;
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new AppError(
        "AUTH_INVALID",
        `The tokens may be read by others (mode ${mode.toString(8)}).`,
        {
          hint: `Run: chmod 600 ${path}. If others use this machine, delete the file: new tokens are made.`,
        },
      );
    }
    return readSecrets(path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
  const secrets: Secrets = {
    ownerToken: `ty_${randomBytes(24).toString("base64url")}`,
    readToken: `ty_read_${randomBytes(24).toString("base64url")}`,
    linkKey: randomBytes(32).toString("hex"),
  };
  writeFileAtomic(path, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  return secrets;
}

function readSecrets(path: string): Secrets {
  const text = readFileSync(path, "utf8");
  try {
    return secretsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError("AUTH_INVALID", `The file of tokens is damaged: ${path}`, {
      hint: "Restore it, or delete it: new tokens are made, and clients need them.",
      cause,
    });
  }
}

/**
 * The Worker learns the hashes, never the tokens.
 * @param own One more with every right, which whoever starts it chose: `MCP_HTTP_AUTH_TOKEN`, as at the earlier bridge.
 */
export function tokenGrants(secrets: Secrets, owner: string, own?: string): string {
  const hash = (token: string): string => createHash("sha256").update(token).digest("hex");
  const chosen = own?.trim() ?? "";
  return JSON.stringify([
    { id: "owner", owner, sha256: hash(secrets.ownerToken), scopes: ["admin"] },
    { id: "read", owner, sha256: hash(secrets.readToken), scopes: ["read"] },
    ...(chosen === "" ? [] : [{ id: "chosen", owner, sha256: hash(chosen), scopes: ["admin"] }]),
  ]);
}
