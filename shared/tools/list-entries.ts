import type { Scope, ToolAnnotations, ToolContract } from "./define-tool.ts";
import { inputJsonSchema, type JsonSchema, shallowOutputSchema } from "./json-schema.ts";
import { type Toolset, toolsOf } from "./toolsets.ts";

/** One entry of MCP's tools/list. */
export interface ToolListEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly annotations: ToolAnnotations;
}

/** Every connected client pays for the list: these bounds are left to the refusal, which names them. */
const leftOut: ReadonlySet<string> = new Set([
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minimum",
  "exclusiveMinimum",
]);
/** Below it a bound tells a model something: a per cent, the most jobs of a page. */
const tellingMaximum = 1_000;

/** A switch that is not given is off; an object's other names are refused by name, and synonyms taken. */
function isTakenForGranted(key: string, value: unknown): boolean {
  return (key === "default" && value === false) || key === "additionalProperties";
}

function shortened(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(shortened);
  if (typeof node !== "object" || node === null) return node;
  /** Where there is a type it is a schema; else a map of parameters, whose names are kept whatever they are. */
  const isSchema = "type" in node && typeof node.type === "string";
  const kept = Object.entries(node).filter(
    ([key, value]) =>
      !isSchema ||
      !(
        leftOut.has(key) ||
        (key === "maximum" && Number(value) >= tellingMaximum) ||
        isTakenForGranted(key, value)
      ),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, shortened(value)]));
}

export function toolListEntry(tool: ToolContract): ToolListEntry {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: shortened(inputJsonSchema(tool)) as JsonSchema,
    outputSchema: shallowOutputSchema(tool),
    annotations: tool.annotations,
  };
}

/** In stable order. Costs milliseconds: `npm run generate` writes it down for the doors. */
export function toolListEntries(toolset: Toolset, granted: Scope = "admin"): ToolListEntry[] {
  return toolsOf(toolset, granted).map(toolListEntry);
}
