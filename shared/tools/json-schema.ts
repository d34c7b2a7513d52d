/** JSON Schemas of the contracts, without the noise that zod adds and no reader needs. */
import { z } from "zod";
import type { ToolContract } from "./define-tool.ts";

export type JsonSchema = { [key: string]: unknown };

function withoutNoise({ jsonSchema }: { jsonSchema: object }): void {
  const schema = jsonSchema as JsonSchema;
  if (schema["type"] === "integer") {
    if (schema["maximum"] === Number.MAX_SAFE_INTEGER) delete schema["maximum"];
    if (schema["minimum"] === Number.MIN_SAFE_INTEGER) delete schema["minimum"];
  }
  if (schema["type"] === "object") delete schema["propertyNames"];
  if (schema["format"] === "date-time") delete schema["pattern"];
}

/** `anyOf` of plain types is one `type` list: a third of the length, and every client reads it. */
function flattenTypes(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(flattenTypes);
  if (typeof node !== "object" || node === null) return node;
  const schema: JsonSchema = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, flattenTypes(value)]),
  );
  const options = schema["anyOf"];
  if (!Array.isArray(options) || options.length !== 2) return schema;
  const [option, none] = options as [JsonSchema, JsonSchema];
  const plain = typeof option["type"] === "string" && !("enum" in option) && !("const" in option);
  if (!plain || none["type"] !== "null" || Object.keys(none).length !== 1) return schema;
  const { anyOf: _, ...rest } = schema;
  return { ...option, ...rest, type: [option["type"], "null"] };
}

function toJsonSchema(schema: z.ZodObject, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: withoutNoise,
  });
  return flattenTypes(json) as JsonSchema;
}

export function inputJsonSchema(tool: ToolContract): JsonSchema {
  return toJsonSchema(tool.input, "input");
}

export function outputJsonSchema(tool: ToolContract): JsonSchema {
  return toJsonSchema(tool.output, "output");
}

/** The top-level names that are always there, for lists; the whole schema is in `schemas/`. Valid for every structured answer. */
export function shallowOutputSchema(tool: ToolContract): JsonSchema {
  const always = Object.entries(tool.output.shape).filter(([, field]) => !isOptional(field));
  return { type: "object", properties: Object.fromEntries(always.map(([name]) => [name, {}])) };
}

/** Zod's types of a shape's fields are its core's, which do not have the method. */
function isOptional(field: z.core.$ZodType): boolean {
  return z.safeParse(field, undefined).success;
}
