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

export function toolListEntry(tool: ToolContract, toolset: Toolset = "mcp"): ToolListEntry {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: ofForm(tool, toolset, shortened(inputJsonSchema(tool)) as JsonSchema),
    outputSchema: shallowOutputSchema(tool),
    annotations: tool.annotations,
  };
}

/** What one list shows of a tool that has a form for pictures and one for language models; /mcp/all shows both. */
function ofForm({ llm }: ToolContract, toolset: Toolset, schema: JsonSchema): JsonSchema {
  if (typeof llm !== "object" || toolset === "all") return schema;
  const [form, other] = toolset === "llm" ? [llm.llm, llm.pictures] : [llm.pictures, llm.llm];
  const hidden = new Set(other.own);
  const properties = Object.entries(schema["properties"] as Record<string, JsonSchema>);
  return {
    ...schema,
    properties: Object.fromEntries(properties.filter(([name]) => !hidden.has(name))),
    ...(form.required.length === 0 ? {} : { required: [...form.required] }),
  };
}

/** In stable order. Costs milliseconds: `npm run generate` writes it down for the doors. */
export function toolListEntries(toolset: Toolset, granted: Scope = "admin"): ToolListEntry[] {
  return toolsOf(toolset, granted).map((tool) => toolListEntry(tool, toolset));
}

/** Every entry that any list has: by tool, and for those with two forms by list. */
export function writtenEntries(): Readonly<Record<"pictures" | "llm" | "all", ToolListEntry[]>> {
  const twofold = toolsOf("all").filter(({ llm }) => typeof llm === "object");
  return {
    pictures: toolListEntries("mcp"),
    llm: [...toolsOf("llm").filter(({ llm }) => llm === "only"), ...twofold].map((tool) =>
      toolListEntry(tool, "llm"),
    ),
    all: twofold.map((tool) => toolListEntry(tool, "all")),
  };
}
