import { ntfyTarget } from "@trainyard/shared/alerts/chat-bodies.ts";
import { parseWebhookSecret } from "@trainyard/shared/alerts/signature.ts";
import { isAddress } from "@trainyard/shared/alerts/sinks.ts";
import type { Sink } from "@trainyard/shared/alerts/sinks.ts";
import { checkDestination, redactedDestination } from "@trainyard/shared/alerts/url-policy.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import type { PlaceRequest } from "../hub/alert-requests.ts";
import type { EdgeContext } from "./context.ts";

interface PlaceInput {
  readonly sink: Sink;
  readonly destination?: string | undefined;
  readonly secret?: string | undefined;
}

/** What a list shows for a file route without a name: one file a day. */
export const dailyFile = "alerts-yyyymmdd.jsonl";

/**
 * A place as a tool was told it, checked: the URL by the one policy, a file by its name alone. Without a destination the
 * address stays open (null), for a route that keeps its own. Throws INVALID_ARGUMENT, HTTPS_REQUIRED, HOST_REFUSED,
 * PORT_REFUSED, CREDENTIALS_IN_URL, INVALID_FILENAME, PATH_ESCAPE.
 */
export function readPlace(
  { sink, destination, secret }: PlaceInput,
  agentId: string | null,
  { settings }: Pick<EdgeContext, "settings">,
): PlaceRequest {
  if (secret !== undefined) checkSecret(sink, secret);
  if (sink === "timeline") return { sink, shown: "timeline", address: null, agentId: null };
  if (sink === "file") {
    const shown = destination === undefined ? "" : readAlertFile(destination);
    return { sink, shown, address: null, agentId };
  }
  if (destination === undefined) return { sink, shown: "", address: null, agentId: null };
  const url = checkDestination(destination, settings.webhookAllow);
  if (sink === "ntfy") ntfyTarget(url);
  return {
    sink,
    shown: redactedDestination(url),
    address: { url: url.href, secret: secret ?? null },
    agentId: null,
  };
}

/** `x`, `alerts/x`, `outputs/alerts/x` and `/ai-toolkit/outputs/alerts/x` are the same file below the home's alerts folder. */
function readAlertFile(destination: string): string {
  if (destination.split(/[/\\]/).includes("..")) {
    throw new AppError("PATH_ESCAPE", "The alert file leaves its folder.", {
      hint: "Give a plain file name; it lies in the alerts folder of the box's home.",
      details: { field: "destination" },
    });
  }
  return parseFilename(destination.replace(/^(?:(?:\/ai-toolkit\/)?outputs?\/)?alerts\//, ""));
}

function checkSecret(sink: Sink, secret: string): void {
  if (sink === "webhook") {
    parseWebhookSecret(secret);
    return;
  }
  if (sink === "ntfy" && /^[\x21-\x7e]+$/.test(secret)) return;
  throw new AppError("INVALID_ARGUMENT", "This sink takes no such secret.", {
    hint: isAddress(sink)
      ? "A generic webhook has a whsec_ secret, ntfy an access token; Slack and Discord have none."
      : "Leave secret out.",
    details: { field: "secret" },
  });
}
