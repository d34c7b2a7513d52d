import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { inputJsonSchema, outputJsonSchema } from "../../../shared/tools/json-schema.ts";
import { catalog, findTool, toolAliases, tools } from "../../../shared/tools/registry.ts";

const files = readdirSync(new URL("../../../shared/tools/", import.meta.url));
/** Files of shared/tools that are no contract. */
const others = new Set([
  "alert-route-view.ts",
  "dataset-view.ts",
  "define-tool.ts",
  "guardrail-options.ts",
  "job-view.ts",
  "json-schema.ts",
  "list-entries.ts",
  "llm-fields.ts",
  "nearest-name.ts",
  "parse-arguments.ts",
  "registry.ts",
  "report-view.ts",
  "synonyms.ts",
  "toolsets.ts",
  "vocabulary.ts",
]);

/** Every schema node below a schema, with the place it stands at. */
function* nodes(schema: z.ZodType, at = ""): Generator<{ at: string; type: string }> {
  const def = schema.def as unknown as Record<string, unknown> & { type: string };
  yield { at, type: def.type };
  const children: [string, unknown][] =
    schema instanceof z.ZodObject
      ? Object.entries(schema.shape)
      : [
          ["[]", def.element],
          ["{}", def.valueType],
          ["", def.innerType],
          ...((def.options as unknown[] | undefined) ?? []).map(
            (option) => ["", option] as [string, unknown],
          ),
        ];
  for (const [name, child] of children) {
    if (child !== undefined) yield* nodes(child as z.ZodType, name === "" ? at : `${at}.${name}`);
  }
}

/** Hosts decide by the hints, models by the words: one of a pair that disagrees deceives somebody. */
const readingVerbs = [
  "Checks",
  "Grades",
  "Judges",
  "Lists",
  "Plans",
  "Proposes",
  "Ranks",
  "Returns",
  "Shows",
  "Waits",
];
/** What can be gone after the call is said to be. */
const losingWords = /\b(?:delet|replac|overwrit|purg|remov|drop|los[et])/i;

describe("the catalog", () => {
  it("lists every contract file, each under its own name", () => {
    const names = files
      .filter((file) => !others.has(file))
      .map((file) => file.replace(/\.ts$/, ""));

    expect(tools.map((tool) => tool.name)).toEqual(names.toSorted());
    for (const [key, tool] of Object.entries(catalog)) expect(tool.name).toBe(key);
  });

  it("has its agent tools and its core tools as designed", () => {
    expect(tools.filter((tool) => tool.runsOn === "agent").map((tool) => tool.name)).toEqual([
      "analyze-dataset",
      "auto-improve-dataset",
      "configure-training-run",
      "delete-dataset",
      "delete-model",
      "edit-captions",
      "generate-fine-tuning-project",
      "get-dataset-info",
      "get-system-stats",
      "list-comfyui-models",
      "list-datasets",
      "list-exported-models",
      "undo-dataset-change",
    ]);
    expect(tools.filter((tool) => tool.core).map((tool) => tool.name)).toEqual([
      "control-training",
      "create-download-link",
      "create-training-config",
      "create-upload-link",
      "get-training-logs",
      "get-training-observability",
      "get-training-samples",
      "get-training-status",
      "list-agents",
      "list-datasets",
      "list-training-jobs",
      "recommend-training-plan",
      "run-training-with-guardrails",
      "stop-training",
      "validate-training-config",
      "watch-training-timeseries",
    ]);
  });

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s is a consistent contract",
    (_, tool) => {
      expect(tool.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(tool.title.length).toBeLessThanOrEqual(40);
      expect(tool.description.length).toBeGreaterThanOrEqual(40);
      expect(tool.description.length).toBeLessThanOrEqual(400);
      expect(tool.annotations.readOnlyHint).toBe(
        tool.scope === "read" && !tool.annotations.destructiveHint,
      );
      expect(Object.values(tool.annotations).every((hint) => typeof hint === "boolean")).toBe(true);
    },
  );

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s says in words what its hints say",
    (_, { description, annotations }) => {
      const [verb = ""] = description.split(/\W/);

      if (annotations.readOnlyHint) expect(readingVerbs).toContain(verb);
      else expect(description).not.toContain("Changes nothing.");
      expect([annotations.destructiveHint, description]).toEqual([
        losingWords.test(description),
        description,
      ]);
      if (annotations.openWorldHint) expect(description).toMatch(/\broute|\bwebhook|Hugging Face/);
      if (annotations.readOnlyHint) expect(annotations.idempotentHint).toBe(true);
    },
  );

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s takes a strict object, snake_case",
    (_, tool) => {
      const schema = inputJsonSchema(tool);

      expect(schema).toMatchObject({ type: "object", additionalProperties: false });
      for (const combinator of ["anyOf", "oneOf", "allOf", "not", "$ref", "$schema", "$defs"]) {
        expect(schema).not.toHaveProperty([combinator]);
      }
      for (const key of Object.keys(tool.input.shape))
        expect(key).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/);
    },
  );

  it.each(tools.map((tool) => [tool.name, tool] as const))(
    "%s answers in known types",
    (_, tool) => {
      const found = [...nodes(tool.output)];

      expect(found.length).toBeGreaterThan(2);
      expect(found.filter(({ type }) => type === "unknown" || type === "any")).toEqual([]);
      const json = JSON.stringify(outputJsonSchema(tool));
      expect(json).not.toContain("$ref");
      expect(json).not.toContain("$schema");
    },
  );
});

describe("findTool", () => {
  it.each(tools.map((tool) => [tool.name]))("knows %s in both spellings", (name) => {
    expect(findTool(name)?.name).toBe(name);
    expect(findTool(name.replaceAll("-", "_"))?.name).toBe(name);
  });

  it("knows an old name in both spellings", () => {
    expect(findTool("validate-config")?.name).toBe("validate-training-config");
    expect(findTool("validate_config")?.name).toBe("validate-training-config");
  });

  it("has no alias that hides a tool", () => {
    for (const alias of toolAliases.keys()) expect(Object.keys(catalog)).not.toContain(alias);
  });

  it.each([
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "",
    "List-Agents",
    "list-agents ",
  ])("does not know %j", (name) => {
    expect(findTool(name)).toBeNull();
  });
});
