import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { AppError } from "../../../shared/errors.ts";
import type { Alert } from "../../../shared/alerts/alert.ts";
import {
  discordBody,
  ntfyBody,
  ntfyTarget,
  slackBody,
} from "../../../shared/alerts/chat-bodies.ts";
import { inParcels, webhookPayload, webhookPayloadSchema } from "../../../shared/alerts/payload.ts";
import type { Parcel } from "../../../shared/alerts/payload.ts";
import {
  newWebhookSecret,
  parseWebhookSecret,
  signedHeaders,
} from "../../../shared/alerts/signature.ts";

const nasty = "<!channel> @everyone *bold* [x](javascript:1) & <script>";

const alert = (change: Partial<Alert> = {}): Alert => ({
  code: "TRAINING_NAN_LOSS",
  severity: "critical",
  category: "quality",
  message: "The loss is not a number in 3 steps.",
  atMs: Date.UTC(2026, 9, 21, 7, 28),
  jobId: "job_a",
  agentId: "agent_a",
  step: 12,
  evidence: { loss: "NaN", nan_steps: 3 },
  ...change,
});

const parcel = (...alerts: Alert[]): Parcel => ({
  deliveryId: "dlv_1",
  sequence: 7,
  createdAtMs: Date.UTC(2026, 9, 21, 7, 28),
  alerts: alerts.length === 0 ? [alert()] : alerts,
  context: null,
});

describe("the generic body", () => {
  it("is a versioned envelope around the earlier system's alerts", () => {
    const payload = webhookPayload(parcel());

    expect(payload).toEqual({
      version: 1,
      type: "alert.raised",
      id: "dlv_1",
      sequence: 7,
      timestamp: "2026-10-21T07:28:00.000Z",
      alerts: [
        {
          code: "TRAINING_NAN_LOSS",
          severity: "critical",
          category: "quality",
          message: "The loss is not a number in 3 steps.",
          at: "2026-10-21T07:28:00.000Z",
          job_id: "job_a",
          agent_id: "agent_a",
          step: 12,
          evidence: { loss: "NaN", nan_steps: 3 },
        },
      ],
    });
    expect(webhookPayloadSchema.parse(payload)).toEqual(payload);
  });

  it("says what stopped the job, and what would have", () => {
    const payload = webhookPayload(parcel(alert({ guardrail: true }), alert({ wouldStop: true })));

    expect(payload.alerts[0]).toMatchObject({ guardrail: true });
    expect(payload.alerts[0]).not.toHaveProperty("would_stop");
    expect(payload.alerts[1]).toMatchObject({ would_stop: true });
    expect(payload.alerts[1]).not.toHaveProperty("guardrail");
    expect(webhookPayloadSchema.parse(payload)).toEqual(payload);
  });

  it("stays below what Standard Webhooks asks for, and leaves nothing out", () => {
    const alerts = Array.from({ length: 120 }, (_, n) =>
      alert({ step: n, message: "m".repeat(500), evidence: { line: "ü".repeat(400) } }),
    );
    const parts = inParcels(alerts);

    expect(parts.length).toBeGreaterThan(1);
    expect(parts.flat()).toEqual(alerts);
    for (const part of parts) {
      const body = JSON.stringify(webhookPayload(parcel(...part)));
      expect(new TextEncoder().encode(body).byteLength).toBeLessThan(20_000);
    }
    expect(
      inParcels(
        alerts.map(() => alert()),
        10,
      ).map((part) => part.length),
    ).toEqual(Array.from({ length: 12 }, () => 10));
  });
});

describe("the signature", () => {
  it("is what the public library verifies, and only for this body", async () => {
    const secret = newWebhookSecret();
    const body = JSON.stringify({ text: "grüße" });
    const headers = await signedHeaders(secret, "dlv_1", Date.now(), body);
    const library = new Webhook(secret);

    expect(library.verify(body, { ...headers })).toEqual({ text: "grüße" });
    expect(() => library.verify(`${body} `, { ...headers })).toThrow();
    expect(() => new Webhook(newWebhookSecret()).verify(body, { ...headers })).toThrow();
  });

  it("is the published example's (standard-webhooks, spec)", async () => {
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const sent = new Date(1614265330 * 1_000);
    const headers = await signedHeaders(
      secret,
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      sent.getTime(),
      '{"test": 2432232314}',
    );

    expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  it.each(["", "whsec_", "whsec_!!!!", "abc", "whsec_c2hvcnQ=", `whsec_${btoa("x".repeat(65))}`])(
    "refuses %j as a secret",
    (secret) => {
      expect(() => parseWebhookSecret(secret)).toThrow(AppError);
    },
  );
});

describe("Slack", () => {
  it("gets text for the notification and blocks of plain text", () => {
    expect(slackBody(parcel(alert({ message: nasty, evidence: { job_name: "<!here>" } })))).toEqual(
      {
        text: "Critical: TRAINING_NAN_LOSS (&lt;!here&gt;)",
        blocks: [
          {
            type: "header",
            text: {
              type: "plain_text",
              text: "Critical: TRAINING_NAN_LOSS (<!here>)",
              emoji: false,
            },
          },
          {
            type: "section",
            text: { type: "plain_text", text: nasty, emoji: false },
            fields: [
              { type: "plain_text", text: "Severity\ncritical", emoji: false },
              { type: "plain_text", text: "Job\njob_a", emoji: false },
              { type: "plain_text", text: "Step\n12", emoji: false },
            ],
          },
          {
            type: "context",
            elements: [
              { type: "plain_text", text: "Trainyard, 2026-10-21T07:28:00.000Z", emoji: false },
            ],
          },
        ],
      },
    );
  });
});

describe("Discord", () => {
  it("gets embeds, and nobody is mentioned", () => {
    const body = discordBody(parcel(alert({ message: "@everyone *x*" })));

    expect(body).toEqual({
      username: "Trainyard",
      content: String.raw`Critical: TRAINING\_NAN\_LOSS`,
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: "TRAINING_NAN_LOSS",
          description: "@\u200beveryone \\*x\\*",
          color: 0xda3633,
          timestamp: "2026-10-21T07:28:00.000Z",
          fields: [
            { name: "Severity", value: "critical", inline: true },
            { name: "Job", value: String.raw`job\_a`, inline: true },
            { name: "Step", value: "12", inline: true },
            { name: "Loss", value: "NaN", inline: true },
          ],
        },
      ],
    });
  });

  it("stays inside the limits that Discord refuses above", () => {
    const long = alert({
      message: "*".repeat(500),
      code: "C".repeat(64),
      jobId: "j".repeat(100),
      evidence: { loss: "L".repeat(1_000) },
    });
    const { embeds, content } = discordBody(parcel(...Array.from({ length: 10 }, () => long)));
    const characters = embeds.reduce(
      (sum, embed) =>
        sum +
        embed.title.length +
        embed.description.length +
        embed.fields.reduce((all, { name, value }) => all + name.length + value.length, 0),
      0,
    );

    expect(embeds).toHaveLength(10);
    expect(characters).toBeLessThanOrEqual(6_000);
    expect(content.length).toBeLessThanOrEqual(2_000);
  });
});

describe("ntfy", () => {
  it("gets its topic in the body and the message at the server's root", () => {
    const target = ntfyTarget(new URL("https://ntfy.example.com/sub/my-topic"));

    expect([target.url.href, target.topic]).toEqual(["https://ntfy.example.com/sub", "my-topic"]);
    expect(ntfyTarget(new URL("https://ntfy.sh/t")).url.href).toBe("https://ntfy.sh/");
    expect(ntfyBody(parcel(), "my-topic")).toEqual({
      topic: "my-topic",
      title: "Critical: TRAINING_NAN_LOSS",
      message:
        "The loss is not a number in 3 steps.\nSeverity critical, Job job_a, Step 12, Loss NaN",
      priority: 5,
      tags: ["rotating_light", "training_nan_loss"],
    });
  });

  it.each(["https://ntfy.sh/", "https://ntfy.sh/a%20b", "https://ntfy.sh/t?auth=x"])(
    "%s names no topic",
    (url) => {
      expect(() => ntfyTarget(new URL(url))).toThrow(AppError);
    },
  );

  it("keeps the message below 4,096 bytes", () => {
    const body = ntfyBody(
      parcel(...Array.from({ length: 10 }, () => alert({ message: "ü".repeat(500) }))),
      "t",
    );

    expect(new TextEncoder().encode(body.message).byteLength).toBeLessThanOrEqual(4_096);
  });
});

describe("a dry run in a chat", () => {
  const dry = parcel(alert({ wouldStop: true }));

  it("is the first thing that is read", () => {
    expect(slackBody(dry).text).toMatch(/^Dry run, critical: TRAINING_NAN_LOSS/);
    expect(discordBody(dry).content).toMatch(/^Dry run, critical: TRAINING/);
    expect(ntfyBody(dry, "topic").title).toMatch(/^Dry run, critical: TRAINING_NAN_LOSS/);
  });

  it("and a stop say in the facts what became of the job", () => {
    const lines = (given: Parcel) => ntfyBody(given, "topic").message;

    expect(lines(dry)).toContain("Guardrail would have stopped the job");
    expect(lines(parcel(alert({ guardrail: true })))).toContain("Guardrail stopped the job");
    expect(lines(parcel())).not.toContain("Guardrail");
  });
});
