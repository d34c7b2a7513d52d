import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const ajv = new Ajv2020({ allErrors: true, strict: false });

/** The earlier system's output schema of a tool; the function answers what is wrong, as text, or nothing. */
export function peerSchema(
  tool: "get-training-observability" | "compare-training-runs",
): (value: unknown) => string {
  const path = new URL(`../fixtures/peers/${tool}.schema.json`, import.meta.url);
  const validate = ajv.compile(JSON.parse(readFileSync(path, "utf8")) as object);
  return (value) => (validate(value) ? "" : ajv.errorsText(validate.errors));
}
