import { errorToWire, wireToError } from "@trainyard/shared/errors.ts";
import type { WireError } from "@trainyard/shared/errors.ts";

/**
 * How objects answer each other. An exception that crosses RPC loses its class and would surface as an unknown failure, so
 * the code travels as a value.
 */
export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: WireError };

export async function outcomeOf<Value>(
  work: () => Value | Promise<Value>,
): Promise<Outcome<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    const reference = crypto.randomUUID();
    const wire = errorToWire(error, reference);
    if (wire.code === "INTERNAL")
      console.error(JSON.stringify({ reference, error: describe(error) }));
    return { ok: false, error: wire };
  }
}

export function unwrap<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw wireToError(outcome.error);
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
