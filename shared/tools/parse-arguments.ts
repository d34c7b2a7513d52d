/** Arguments off the wire become a tool's typed input, or a refusal that says which field and what it takes. */
import type { z } from "zod";
import { AppError } from "../errors.ts";
import type { InputOf, ToolContract } from "./define-tool.ts";
import { inputJsonSchema, type JsonSchema } from "./json-schema.ts";
import { nearestName } from "./nearest-name.ts";
import { applySynonyms } from "./synonyms.ts";

const echoCharacters = 80;

/**
 * `calledAs` is the name that the caller used, where an alias has parameter names of its own. A null at the top means
 * "not given": many clients send every optional parameter.
 */
export function parseArguments<Tool extends ToolContract>(
  tool: Tool,
  raw: unknown,
  calledAs: string = tool.name,
): InputOf<Tool> {
  const given = raw ?? {};
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new AppError("INVALID_ARGUMENT", "The arguments of a tool are an object.", {
      hint: `Parameters of ${tool.name}: ${parameterNames(tool)}.`,
    });
  }
  const named = applySynonyms(calledAs, given as Record<string, unknown>);
  const unknown = Object.keys(named).find((key) => !Object.hasOwn(tool.input.shape, key));
  if (unknown !== undefined) throw unknownKey(tool, [], unknown);

  const args = Object.fromEntries(Object.entries(named).filter((entry) => entry[1] !== null));
  const parsed = tool.input.safeParse(args);
  if (parsed.success) return parsed.data as InputOf<Tool>;

  /** A misspelt key explains a missing one, so it is named first. */
  const issues = parsed.error.issues;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  if (issue === undefined) throw new Error("zod refused without an issue");
  throw refusal(tool, args, issue, issues.length);
}

function refusal(
  tool: ToolContract,
  args: Record<string, unknown>,
  issue: z.core.$ZodIssue,
  issueCount: number,
): AppError {
  if (issue.code === "unrecognized_keys") {
    return unknownKey(tool, issue.path, issue.keys[0] ?? "");
  }
  const field = fieldName(issue.path);
  const value = valueAt(args, issue.path);
  const schema = schemaAt(tool, issue.path);
  const takes = describe(schema);
  const message =
    value === undefined
      ? `${field} is missing.`
      : `${field} must be ${requirement(issue, schema)}; it is ${show(value)}.`;
  const more = issueCount > 1 ? ` ${issueCount - 1} more to correct.` : "";
  return new AppError("INVALID_ARGUMENT", message + more, {
    ...(takes === "" ? {} : { hint: `${field}: ${takes}` }),
    details: { tool: tool.name, field },
  });
}

function unknownKey(tool: ToolContract, path: readonly PropertyKey[], key: string): AppError {
  const schema = path.length === 0 ? inputJsonSchema(tool) : schemaAt(tool, path);
  const known = Object.keys(schema?.["properties"] ?? {});
  const nearest = nearestName(key, known);
  const where = path.length === 0 ? tool.name : fieldName(path);
  return new AppError("UNKNOWN_KEY", `${where} has no parameter ${quote(key)}.`, {
    hint:
      nearest === null ? `It takes: ${known.join(", ") || "nothing"}.` : `Did you mean ${nearest}?`,
    details: {
      tool: tool.name,
      key: clean(key),
      ...(nearest === null ? {} : { nearest }),
    },
  });
}

function parameterNames(tool: ToolContract): string {
  return Object.keys(tool.input.shape).join(", ");
}

function requirement(issue: z.core.$ZodIssue, schema: JsonSchema | undefined): string {
  switch (issue.code) {
    case "too_small":
      return `${issue.inclusive === false ? "more than" : "at least"} ${counted(issue.minimum, issue.origin)}`;
    case "too_big":
      return `${issue.inclusive === false ? "less than" : "at most"} ${counted(largest(issue, schema), issue.origin)}`;
    case "invalid_format":
      return issue.pattern === undefined || issue.pattern.length > patternCharacters
        ? "text of another form"
        : `text of the form ${issue.pattern}`;
    case "invalid_value":
      return `one of ${issue.values.map(String).join(", ")}`;
    case "invalid_type": {
      const expected = schema?.["type"] === "integer" ? "integer" : issue.expected;
      return article(words.get(expected) ?? expected);
    }
    default:
      // A check of our own says what it wants.
      if (issue.code === "custom" && issue.message.startsWith(ownWords)) {
        return issue.message.slice(ownWords.length);
      }
      return schema === undefined ? "valid" : typeOf(schema) || "valid";
  }
}

/** "8 characters", "1 entry"; a number by itself. */
function counted(bound: number | bigint, origin: string): string {
  const [one, many] =
    origin === "string"
      ? [" character", " characters"]
      : origin === "array"
        ? [" entry", " entries"]
        : ["", ""];
  return `${bound}${bound === 1 ? one : many}`;
}

/** Of a number beyond all whole ones the library names its own bound, which is not the field's. */
function largest(issue: z.core.$ZodIssueTooBig, schema: JsonSchema | undefined): number | bigint {
  const own = schema?.["maximum"];
  return typeof own === "number" && own < issue.maximum ? own : issue.maximum;
}

const patternCharacters = 80;
const ownWords = "must be ";

const words: ReadonlyMap<string, string> = new Map([
  ["int", "whole number"],
  ["integer", "whole number"],
  ["string", "text"],
  ["array", "list"],
  ["record", "object"],
]);

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

function typeOf(schema: JsonSchema): string {
  const options = schema["anyOf"];
  if (Array.isArray(options)) {
    return [...new Set((options as JsonSchema[]).map(typeOf))].join(" or ");
  }
  const values = schema["enum"];
  if (Array.isArray(values)) return `one of ${values.join(", ")}`;
  const type = schema["type"];
  if (type === "array") {
    const item = typeOf((schema["items"] ?? {}) as JsonSchema);
    return item === "" ? "list" : `list of ${item}`;
  }
  return typeof type === "string" ? (words.get(type) ?? type) : "";
}

/** "whole number, 1 to 500, default 50. What it means." */
function describe(schema: JsonSchema | undefined): string {
  if (schema === undefined) return "";
  const options = (schema["anyOf"] ?? []) as JsonSchema[];
  const bounds = boundsOf(options.find((option) => boundsOf(option) !== "") ?? schema);
  const parts = [
    typeOf(schema),
    bounds,
    schema["default"] === undefined ? "" : `default ${JSON.stringify(schema["default"])}`,
  ].filter((part) => part !== "");
  const meaning = typeof schema["description"] === "string" ? ` ${schema["description"]}` : "";
  return parts.length === 0 ? meaning.trim() : `${parts.join(", ")}.${meaning}`;
}

function boundsOf(schema: JsonSchema): string {
  const bound = (key: string): string | null => {
    const value = schema[key];
    return typeof value === "number" ? `${value}` : null;
  };
  const range = (low: string | null, high: string | null, unit: string) => {
    if (low !== null && high !== null) return `${low} to ${high}${unit}`;
    if (low !== null) return `at least ${low}${unit}`;
    return high === null ? "" : `at most ${high}${unit}`;
  };
  if (schema["type"] === "string") {
    return range(bound("minLength"), bound("maxLength"), " characters");
  }
  if (schema["type"] === "array") return range(bound("minItems"), bound("maxItems"), " entries");
  const above = bound("exclusiveMinimum");
  const bounds = range(bound("minimum"), bound("maximum"), "");
  if (above === null) return bounds;
  return bounds === "" ? `more than ${above}` : `more than ${above}, ${bounds}`;
}

/** The JSON Schema of the field, or of the nearest field around it that the schema can name. */
function schemaAt(tool: ToolContract, path: readonly PropertyKey[]): JsonSchema | undefined {
  let schema: JsonSchema = inputJsonSchema(tool);
  for (const part of path) {
    const properties = (schema["properties"] ?? {}) as Record<string, JsonSchema>;
    const name = String(part);
    const next =
      typeof part === "number"
        ? (schema["items"] as JsonSchema | undefined)
        : Object.hasOwn(properties, name)
          ? properties[name]
          : undefined;
    if (next === undefined) return schema;
    schema = next;
  }
  return schema;
}

function valueAt(args: unknown, path: readonly PropertyKey[]): unknown {
  let value = args;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** `images[0].filename` */
function fieldName(path: readonly PropertyKey[]): string {
  const name = path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`,
    )
    .join("");
  return clean(name) || "The arguments";
}

function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "a list" : "an object";
  return clean(String(value));
}

function quote(text: string): string {
  return `"${clean(text)}"`;
}

/** What came from outside is quoted short and without control or direction-changing characters. */
function clean(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ").toWellFormed();
  const characters = Array.from(plain);
  return characters.length <= echoCharacters
    ? plain
    : `${characters.slice(0, echoCharacters - 1).join("")}…`;
}
