import { z } from "zod";

/** Kinds of places an alert can go to. The first four are addresses; the others are ours. */
export const sinks = ["webhook", "slack", "discord", "ntfy", "file", "timeline"] as const;
export const sinkSchema = z.enum(sinks);
export type Sink = z.infer<typeof sinkSchema>;

export function isAddress(sink: Sink): boolean {
  return sink !== "file" && sink !== "timeline";
}

/** The file of a day where no name was given, in UTC (peers 2.15). */
export function defaultAlertFile(nowMs: number): string {
  return `alerts-${new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "")}.jsonl`;
}
