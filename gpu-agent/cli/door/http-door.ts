import { AppError } from "@trainyard/shared/errors.ts";
import { z } from "zod";
import type { Address } from "./target.ts";
import { unreachable } from "./unreachable.ts";

const refusalSchema = z.looseObject({
  ok: z.literal(false),
  error: z.looseObject({ code: z.string(), message: z.string() }),
});
/** As the control plane wrote it; a newer one may know codes that we do not. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | null;
  readonly [more: string]: unknown;
}

export type Answer =
  | { readonly ok: true; readonly body: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly error: Refusal };

export interface Question {
  /** The value of `Authorization`; null: without. */
  readonly token: string | null;
  readonly path: string;
  /** Sent by POST when there is one. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** One request at Trainyard's HTTP door. Throws CONTROL_PLANE_UNREACHABLE unless a Trainyard answers. */
export async function ask(address: Address, question: Question): Promise<Answer> {
  const { token, path, body, signal } = question;
  let response: Response;
  let text: string;
  try {
    response = await fetch(address.base + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        accept: "application/json",
        ...(token === null ? {} : { authorization: token }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would carry the token to wherever it points.
      redirect: "manual",
      ...(signal === undefined ? {} : { signal }),
    });
    text = await response.text();
  } catch (error) {
    throw unreachable(error);
  }
  const refusal = parseRefusal(text);
  if (refusal !== null) return { ok: false, error: refusal };
  const value = response.ok ? parseObject(text) : null;
  if (value === null || value["ok"] !== true) throw notTrainyard(response.status);
  return { ok: true, body: value };
}

/** The error of a Trainyard in the text of an HTTP answer; null when there is none. */
export function parseRefusal(text: string): Refusal | null {
  const parsed = refusalSchema.safeParse(parseObject(text));
  return parsed.success ? parsed.data.error : null;
}

export function notTrainyard(status: number): AppError {
  const redirects = status >= 300 && status < 400;
  return new AppError(
    "CONTROL_PLANE_UNREACHABLE",
    redirects
      ? `The address sends elsewhere (HTTP ${status}).`
      : `What answers at the address is not Trainyard (HTTP ${status}).`,
    {
      hint: redirects
        ? "Give the address that it ends at; the token is not sent on by itself."
        : "Check the URL; a proxy or tunnel in front of Trainyard may be up while Trainyard is not.",
    },
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
