import { describe, expect, it } from "vitest";
import { inputJsonSchema, outputJsonSchema } from "../../../shared/tools/json-schema.ts";
import { toolListEntries, toolListEntry } from "../../../shared/tools/list-entries.ts";
import { catalog } from "../../../shared/tools/registry.ts";
import { toolsOf } from "../../../shared/tools/toolsets.ts";

/** Characters / 4, as the design counts. */
function tokens(value: unknown): number {
  return Math.ceil(JSON.stringify(value).length / 4);
}

describe("tools/list", () => {
  it.each([
    ["mcp", 12_000],
    ["core", 5_000],
  ] as const)("at %s stays within %i tokens", (toolset, budget) => {
    const entries = toolListEntries(toolset);

    console.log(`${toolset}: ${entries.length} tools, ${tokens(entries)} of ${budget}`);
    expect(entries.length).toBeGreaterThan(10);
    expect(tokens(entries)).toBeLessThanOrEqual(budget);
  });

  it("leaves out what the token's scope does not allow", () => {
    expect(toolsOf("mcp", "read").map((tool) => tool.name)).not.toContain("start-training");
    expect(toolsOf("mcp", "train").map((tool) => tool.name)).toContain("start-training");
    expect(toolsOf("readonly").every((tool) => tool.annotations.readOnlyHint)).toBe(true);
  });

  it("is the same text every time, sorted by name", () => {
    const names = toolListEntries("mcp").map((entry) => entry.name);

    expect(names).toEqual(names.toSorted());
    expect(JSON.stringify(toolListEntries("mcp"))).toBe(JSON.stringify(toolListEntries("mcp")));
  });

  it("names the fields of the answer, shallowly", () => {
    expect(toolListEntry(catalog["list-agents"])).toEqual({
      name: "list-agents",
      title: "List agents",
      description: catalog["list-agents"].description,
      inputSchema: {
        type: "object",
        properties: { detail: { type: "string", enum: ["concise", "full"] } },
        additionalProperties: false,
      },
      outputSchema: { type: "object", properties: { agents: {}, count: {} } },
      annotations: catalog["list-agents"].annotations,
    });
  });
});

describe("JSON schemas", () => {
  it("carry bounds and defaults of the input", () => {
    expect(inputJsonSchema(catalog["get-training-logs"])["properties"]).toMatchObject({
      lines: { type: "integer", minimum: 1, maximum: 20_000, default: 100 },
    });
  });

  it("write a nullable field as a list of types and a date without its pattern", () => {
    const properties = outputJsonSchema(catalog["list-datasets"])["properties"];

    expect(properties).toMatchObject({
      observed_at: { type: ["string", "null"], format: "date-time" },
      count: { type: "integer", minimum: 0 },
    });
    expect(JSON.stringify(properties)).not.toContain("pattern");
    expect(JSON.stringify(properties)).not.toContain("9007199254740991");
  });
});
