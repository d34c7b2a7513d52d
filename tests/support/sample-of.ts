import type { z } from "zod";

/**
 * The least that a schema takes: required fields only, empty lists, nulls. For answers of a box whose content a test does not
 * look at. Throws where it finds nothing that the schema takes.
 */
export function sampleOf(schema: z.ZodType): unknown {
  const value = guess(schema);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(`no sample: ${JSON.stringify(parsed.error.issues[0])}`);
  return value;
}

const texts = ["x", new Date(0).toISOString(), "0".repeat(64), ""];

function guess(schema: z.ZodType): unknown {
  if (schema.safeParse(null).success) return null;
  const { type, element, options, entries, values } = schema.def as unknown as {
    readonly type: string;
    readonly element?: z.ZodType;
    readonly options?: readonly z.ZodType[];
    readonly entries?: Readonly<Record<string, unknown>>;
    readonly values?: readonly unknown[];
  };
  switch (type) {
    case "object":
      return Object.fromEntries(
        Object.entries((schema as z.ZodObject).shape).flatMap(([key, inner]) =>
          (inner as z.ZodType).safeParse(undefined).success
            ? []
            : [[key, guess(inner as z.ZodType)]],
        ),
      );
    case "array":
      return schema.safeParse([]).success ? [] : [guess(element as z.ZodType)];
    case "record":
      return {};
    case "union":
      return guess((options ?? [])[0] as z.ZodType);
    case "enum":
      return Object.values(entries ?? {})[0];
    case "literal":
      return values?.[0];
    case "boolean":
      return true;
    case "number":
      return [0, 1, 100].find((one) => schema.safeParse(one).success);
    default:
      return texts.find((one) => schema.safeParse(one).success);
  }
}
