import { z } from "zod";
import { evidenceSchema } from "../jobs/failure.ts";

/**
 * A finding that somebody may want to hear of. It is the same thing whether the box found it, the edge noticed it or a
 * caller handed it in; `jobId` and `agentId` say what it is about.
 */
export const severities = ["info", "warning", "critical"] as const;
export const severitySchema = z.enum(severities);
export type Severity = z.infer<typeof severitySchema>;

export const alertSchema = z.object({
  code: z.string().max(64),
  severity: severitySchema,
  category: z.string().max(32),
  /** A sentence of ours, or of whoever handed the alert in; text of a log stands only in `evidence`. */
  message: z.string().max(500),
  atMs: z.number(),
  jobId: z.string().max(100).nullable(),
  agentId: z.string().max(100).nullable(),
  step: z.int().nullable(),
  evidence: evidenceSchema,
  /** True when the finding stopped the job. */
  guardrail: z.boolean().optional(),
  /** True when it would have stopped the job, had its rules not been set to a dry run. */
  wouldStop: z.boolean().optional(),
});
export type Alert = z.infer<typeof alertSchema>;

const rank: Readonly<Record<Severity, number>> = { info: 1, warning: 2, critical: 3 };

/** Order of severities as in peers 2.15: info < warning < critical. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return rank[severity] >= rank[least];
}

/** The word for a whole list: its worst entry, "healthy" when nothing is wrong (peers 2.7). */
export function overallHealth(alerts: readonly Pick<Alert, "severity">[]): string {
  if (alerts.some(({ severity }) => severity === "critical")) return "critical";
  return alerts.some(({ severity }) => severity === "warning") ? "warning" : "healthy";
}

/**
 * Two alerts with the same fingerprint say the same thing about the same job and box. The earlier system left the job out
 * (two jobs silenced each other) and kept numbers in (a message with a count never repeated itself); both are mended here:
 * every run of digits counts as one sign. What became of the job counts as well: a stop is never silenced by a warning or a
 * dry run of the same finding. 16 hexadecimal digits, FNV-1a of 64 bits: short enough to keep hundreds, and
 * computed without waiting, so that judging and writing stay one transaction.
 */
export function fingerprintOf(alert: Alert): string {
  const message = alert.message.trim().toLowerCase().replace(/\d+/g, "#");
  const text = [
    alert.jobId ?? "",
    alert.agentId ?? "",
    alert.severity,
    alert.category.toLowerCase(),
    alert.code.toLowerCase(),
    alert.guardrail === true ? "stopped" : alert.wouldStop === true ? "would-stop" : "told",
    message,
  ].join("\u0000");
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}
