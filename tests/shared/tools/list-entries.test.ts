import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../../shared/tools/define-tool.ts";
import { limits } from "../../../shared/limits.ts";
import { inputJsonSchema, outputJsonSchema } from "../../../shared/tools/json-schema.ts";
import { toolListEntries, toolListEntry } from "../../../shared/tools/list-entries.ts";
import { catalog, tools } from "../../../shared/tools/registry.ts";
import { pathOf, toolsetPaths, toolsOf } from "../../../shared/tools/toolsets.ts";

/** Characters / 4, as the design counts. */
function tokens(value: unknown): number {
  return Math.ceil(JSON.stringify(value).length / 4);
}

describe("tools/list", () => {
  it.each([
    ["mcp", limits.listTokens],
    ["core", limits.listTokensCore],
    ["llm", limits.listTokensCore],
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

  it("has a path for each toolset that holds a tool, and each tool stands at one of them", () => {
    expect(toolsetPaths.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["/mcp", "/mcp/core", "/mcp/readonly", "/mcp/llm", "/mcp/all"]),
    );
    for (const { toolset } of toolsetPaths) expect(toolsOf(toolset).length).toBeGreaterThan(0);
    const names = (toolset: Parameters<typeof toolsOf>[0]) =>
      toolsOf(toolset).map(({ name }) => name);
    expect(names("all")).toEqual(tools.map(({ name }) => name));
    expect([...new Set([...names("mcp"), ...names("llm")])].toSorted()).toEqual(names("all"));
    expect(names("llm").filter((name) => !names("mcp").includes(name))).toEqual([
      "configure-training-run",
      "evaluate-model",
      "generate-fine-tuning-project",
      "monitor-training-progress",
    ]);
    expect(pathOf(catalog["evaluate-model"])).toBe("/mcp/llm");
    expect(pathOf(catalog["list-agents"])).toBe("/mcp");
  });

  it("is the same text every time, sorted by name", () => {
    const names = toolListEntries("mcp").map((entry) => entry.name);

    expect(names).toEqual(names.toSorted());
    expect(JSON.stringify(toolListEntries("mcp"))).toBe(JSON.stringify(toolListEntries("mcp")));
  });

  it("names what is always in the answer, shallowly", () => {
    expect(toolListEntry(catalog["list-configs"])).toEqual({
      name: "list-configs",
      title: "List configs",
      description: catalog["list-configs"].description,
      inputSchema: {
        type: "object",
        properties: { detail: { type: "string", enum: ["concise", "full"] } },
      },
      outputSchema: { type: "object", properties: { configs: {}, count: {} } },
      annotations: catalog["list-configs"].annotations,
    });
  });

  it("keeps what tells a model something, and leaves the rest to the refusal", () => {
    expect(toolListEntry(catalog["evaluate-lora"]).inputSchema["properties"]).toMatchObject({
      pass_threshold: { default: 70, type: "number", maximum: 100 },
      include_nlp: { default: true, type: "boolean" },
    });
    expect(toolListEntry(catalog["create-training-config"]).inputSchema).toMatchObject({
      properties: {
        overwrite: { type: "boolean" },
        optimizer: { enum: ["adamw", "adamw8bit", "prodigy", "lion", "adafactor"] },
      },
      required: ["name"],
    });
    const text = JSON.stringify(toolListEntries("mcp").map(({ inputSchema }) => inputSchema));
    for (const word of ["additionalProperties", "minimum", "maxLength", '"default":false'])
      expect(text).not.toContain(word);
  });

  it("shows each list its own form of a tool that pictures and language models share", () => {
    const parameters = (toolset: Parameters<typeof toolListEntries>[0], tool: string) =>
      Object.keys(
        toolListEntries(toolset).find(({ name }) => name === tool)?.inputSchema["properties"] ?? {},
      );
    const entry = (toolset: Parameters<typeof toolListEntries>[0]) =>
      toolListEntries(toolset).find(({ name }) => name === "start-training")?.inputSchema;

    expect(parameters("mcp", "start-training")).not.toContain("project_path");
    expect(parameters("llm", "start-training")).not.toContain("config_name");
    expect(parameters("all", "start-training")).toEqual(
      expect.arrayContaining(["config_name", "project_path", "run_id"]),
    );
    expect(entry("mcp")?.["required"]).toEqual(["config_name"]);
    expect(entry("llm")?.["required"]).toEqual(["project_path", "run_id"]);
    expect(entry("all")?.["required"]).toBeUndefined();
    expect(parameters("mcp", "export-model")).not.toContain("export_format");
    expect(parameters("llm", "export-model")).not.toContain("output_path");
  });

  it("takes no parameter for a word of the schema's own", () => {
    const tool = defineTool({
      ...catalog["list-configs"],
      input: z.strictObject({ minimum: z.string(), additionalProperties: z.boolean() }),
    });

    expect(toolListEntry(tool).inputSchema["properties"]).toEqual({
      minimum: { type: "string" },
      additionalProperties: { type: "boolean" },
    });
  });
});

describe("JSON schemas", () => {
  it("carry bounds and defaults of the input", () => {
    expect(inputJsonSchema(catalog["get-training-logs"])["properties"]).toMatchObject({
      lines: { type: "integer", maximum: 20_000, default: 100 },
      attempt: { type: "integer", minimum: 1, maximum: 10_000 },
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
