import { AppError } from "../errors.ts";
import { overallHealth } from "./alert.ts";
import type { Alert, Severity } from "./alert.ts";
import type { Parcel } from "./payload.ts";

/**
 * Bodies in the forms that Slack, Discord and ntfy document for their incoming messages. What is not our own word goes in
 * as plain text with nothing in it that the service would act upon: no mention, no markup, no link.
 */
const shown = 10;

/** https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: `text` is the notification, `blocks` the message. */
export function slackBody(parcel: Parcel) {
  const { alerts } = parcel;
  return {
    text: escapeSlack(clip(headline(alerts), 300)),
    blocks: [
      { type: "header", text: plain(clip(headline(alerts), 150)) },
      ...alerts.slice(0, shown).map((alert) => ({
        type: "section",
        text: plain(clip(alert.message, 3_000)),
        fields: facts(alert).map(([name, value]) => plain(clip(`${name}\n${value}`, 2_000))),
      })),
      {
        type: "context",
        elements: [
          plain(`Trainyard, ${new Date(parcel.createdAtMs).toISOString()}${rest(alerts)}`),
        ],
      },
    ],
  };
}

/** `plain_text` is shown as it stands; a section's own limit is 3,000 characters, a field's 2,000. */
function plain(text: string) {
  return { type: "plain_text", text, emoji: false } as const;
}

/** The three characters Slack takes as control characters in `text`. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const colours: Readonly<Record<Severity, number>> = {
  info: 0x2f81f7,
  warning: 0xd29922,
  critical: 0xda3633,
};

/**
 * https://docs.discord.com/developers/resources/webhook#execute-webhook: at most 10 embeds with 6,000 characters in all, a
 * title of 256, a field value of 1,024. `allowed_mentions` with an empty list: no text pings anybody.
 */
export function discordBody(parcel: Parcel) {
  const { alerts } = parcel;
  const listed = alerts.slice(0, shown);
  return {
    username: "Trainyard",
    content: clip(escapeDiscord(headline(alerts)) + rest(alerts), 2_000),
    allowed_mentions: { parse: [] as string[] },
    embeds: listed.map((alert) => ({
      title: clip(alert.code, 256),
      description: clip(escapeDiscord(alert.message), 240),
      color: colours[alert.severity],
      timestamp: new Date(alert.atMs).toISOString(),
      fields: facts(alert).map(([name, value]) => ({
        name,
        value: clip(escapeDiscord(value), 100),
        inline: true,
      })),
    })),
  };
}

function escapeDiscord(text: string): string {
  return text.replace(/[\\*_~`|>[\]()#-]/g, String.raw`\$&`).replaceAll("@", "@\u200b");
}

const priorities: Readonly<Record<Severity, number>> = { info: 3, warning: 4, critical: 5 };
const tags: Readonly<Record<Severity, string>> = {
  info: "information_source",
  warning: "warning",
  critical: "rotating_light",
};

/** https://docs.ntfy.sh/publish/#publish-as-json: to the server's root, the topic in the body; a message has 4,096 bytes. */
export function ntfyBody(parcel: Parcel, topic: string) {
  const { alerts } = parcel;
  const severity = worst(alerts);
  const [first] = alerts;
  const lines = alerts.slice(0, shown).flatMap((alert) => [
    alert.message,
    facts(alert)
      .map(([name, value]) => `${name} ${clip(value, 100)}`)
      .join(", "),
  ]);
  return {
    topic,
    title: clip(headline(alerts), 200),
    message: clipBytes(lines.join("\n") + rest(alerts), 4_000),
    priority: priorities[severity],
    tags: [tags[severity], ...(first === undefined ? [] : [first.code.toLowerCase()])],
  };
}

/** `https://ntfy.sh/topic` is how people know their topic; messages as JSON go to what stands before it. Throws INVALID_ARGUMENT. */
export function ntfyTarget(url: URL): { readonly url: URL; readonly topic: string } {
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  const topic = segments.pop() ?? "";
  if (!/^[-_A-Za-z0-9]{1,64}$/.test(topic) || url.search !== "") {
    throw new AppError("INVALID_ARGUMENT", "The destination names no ntfy topic.", {
      hint: "Give it as https://<server>/<topic>; a topic has 1 to 64 letters, digits, - or _.",
      details: { field: "destination" },
    });
  }
  const base = new URL(url);
  base.pathname = `/${segments.join("/")}`;
  return { url: base, topic };
}

function headline(alerts: readonly Alert[]): string {
  const [first] = alerts;
  if (first === undefined) return "Trainyard";
  const job = jobNameOf(first);
  const about = `${first.wouldStop === true ? `Dry run, ${first.severity}` : word[first.severity]}: ${first.code}${job === null ? "" : ` (${job})`}`;
  return alerts.length === 1 ? about : `${about} and ${alerts.length - 1} more`;
}

const word: Readonly<Record<Severity, string>> = {
  info: "Info",
  warning: "Warning",
  critical: "Critical",
};

function rest(alerts: readonly Alert[]): string {
  return alerts.length > shown ? `, and ${alerts.length - shown} more` : "";
}

function worst(alerts: readonly Alert[]): Severity {
  const health = overallHealth(alerts);
  return health === "healthy" ? "info" : (health as Severity);
}

function jobNameOf({ evidence }: Alert): string | null {
  const name = evidence["job_name"];
  return typeof name === "string" ? name : null;
}

/** The few facts a phone has room for. */
function facts(alert: Alert): [string, string][] {
  const loss = alert.evidence["loss"];
  const pairs: [string, string | number | null | undefined][] = [
    ["Severity", alert.severity],
    ["Job", alert.jobId],
    ["Step", alert.step],
    ["Loss", typeof loss === "number" || typeof loss === "string" ? loss : null],
    ["Guardrail", guardrailFact(alert)],
  ];
  return pairs.flatMap(([name, value]): [string, string][] =>
    value === null || value === undefined ? [] : [[name, String(value)]],
  );
}

function guardrailFact({ guardrail, wouldStop }: Alert): string | null {
  if (guardrail === true) return "stopped the job";
  return wouldStop === true ? "would have stopped the job; dry run" : null;
}

function clip(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}

function clipBytes(text: string, bytes: number): string {
  let kept = clip(text, bytes);
  while (new TextEncoder().encode(kept).byteLength > bytes) kept = clip(kept, kept.length - 50);
  return kept;
}
