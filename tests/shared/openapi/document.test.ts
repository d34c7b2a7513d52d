import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { AnySchema } from "ajv";
import { openApiDocument } from "@trainyard/shared/openapi/document.ts";
import { inputJsonSchema } from "@trainyard/shared/tools/json-schema.ts";
import { tools } from "@trainyard/shared/tools/registry.ts";
import { describe, expect, it } from "vitest";

const file = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Record<string, any>;
const document = openApiDocument("1.2.3") as Record<string, any>;
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
/** By the OpenAPI Initiative's own schema of 3.1 documents, which the library carries. */
const validated = (one: Record<string, any>) => new Validator({ strict: false }).validate(one);

function operations(): { path: string; method: string; operation: Record<string, any> }[] {
  return Object.entries(document["paths"] as Record<string, Record<string, any>>).flatMap(
    ([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
}

function refs(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  const own = "$ref" in node && typeof node.$ref === "string" ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(refs)];
}

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await validated(structuredClone(document));

    expect(valid, JSON.stringify(errors)?.slice(0, 500)).toBe(true);
  });

  it("would not be, were something wrong in it", async () => {
    const broken = structuredClone(document);
    broken["paths"]["/health"].get.responses["200"] = { content: {} };

    expect((await validated(broken)).valid).toBe(false);
  });

  it("is what schemas/openapi.json holds", () => {
    const { version } = file("package.json");

    expect(file("schemas/openapi.json")).toEqual(
      JSON.parse(JSON.stringify(openApiDocument(String(version)))),
    );
  });

  it("has only references that lead somewhere", () => {
    for (const ref of new Set(refs(document))) {
      const steps = ref.split("/").slice(1);
      const target = steps.reduce<any>((node, step) => node?.[step], document);
      expect(target, ref).toBeDefined();
    }
  });

  it("has schemas that are JSON Schema 2020-12", () => {
    const schemas = document["components"].schemas as Record<string, AnySchema>;
    for (const [name, schema] of Object.entries(schemas)) {
      expect(ajv.validateSchema(schema), name).toBe(true);
    }
  });

  it("names each operation once, and each parameter of its path", () => {
    const ids = operations().map(({ operation }) => String(operation["operationId"]));
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = ((operation["parameters"] ?? []) as Record<string, unknown>[])
        .filter((parameter) => parameter["in"] === "path")
        .map((parameter) => parameter["name"]);
      expect(declared, path).toEqual(inPath);
    }
  });

  it("gives each tool its contract", () => {
    for (const tool of tools) {
      const { post } = document["paths"][`/tools/${tool.name}/call`];
      expect(post).toMatchObject({ operationId: tool.name, "x-scope": tool.scope });
      expect(document["components"].schemas[`${tool.name}.input`]).toEqual(inputJsonSchema(tool));
    }
  });
});
