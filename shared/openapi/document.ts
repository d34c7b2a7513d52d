import { errorTable } from "../errors.ts";
import { limits } from "../limits.ts";
import { inputJsonSchema, outputJsonSchema, type JsonSchema } from "../tools/json-schema.ts";
import { type CatalogTool, tools } from "../tools/registry.ts";
import { otherPaths } from "./other-paths.ts";

const json = (schema: JsonSchema): JsonSchema => ({ "application/json": { schema } });
const text = { type: "string" };
const ref = (kind: string, name: string): JsonSchema => ({ $ref: `#/components/${kind}/${name}` });

/**
 * Every HTTP address as OpenAPI 3.1 (design 10). Each tool has an operation of its own, with its contract as the schema, so
 * that generated clients are typed; the dialects that name the tool in the body are described once.
 */
export function openApiDocument(version: string): JsonSchema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Trainyard",
      version,
      summary: "Trains models on your own GPU, over HTTP.",
      description: `The same tools as at /mcp. A body has at most ${limits.httpBodyBytes} bytes unless MCP_HTTP_MAX_BODY_BYTES says otherwise. A call that waits answers after ${limits.httpWaitMsDefault / 1_000} s at most.`,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [
      { name: "tools", description: "One operation a tool" },
      { name: "bridge", description: "The dialects of the earlier systems" },
      { name: "discovery" },
      { name: "mcp", description: "JSON-RPC, for MCP clients" },
      { name: "jobs" },
      { name: "webhooks" },
      { name: "files", description: "Bytes by signed link: the link is the permission" },
      { name: "box", description: "For the agent on the GPU box alone" },
    ],
    paths: {
      ...otherPaths,
      ...Object.fromEntries(
        tools.map((tool) => [`/tools/${tool.name}/call`, { post: toolOperation(tool) }]),
      ),
    },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      responses: {
        Failure: {
          description: "What was wrong, and what to do",
          headers: {
            "Retry-After": { description: "Seconds, with 429", schema: { type: "integer" } },
          },
          content: json(ref("schemas", "Failure")),
        },
      },
      schemas: {
        ...sharedSchemas,
        ...Object.fromEntries(
          tools.flatMap((tool) => [
            [`${tool.name}.input`, inputJsonSchema(tool)],
            [`${tool.name}.output`, outputJsonSchema(tool)],
          ]),
        ),
      },
    },
  };
}

function toolOperation(tool: CatalogTool): JsonSchema {
  return {
    operationId: tool.name,
    tags: ["tools"],
    summary: tool.title,
    description: tool.description,
    "x-scope": tool.scope,
    requestBody: {
      content: json({
        type: "object",
        properties: { arguments: ref("schemas", `${tool.name}.input`) },
      }),
    },
    responses: {
      "200": {
        description: "Done",
        content: json({
          type: "object",
          required: ["ok", "success", "request_id", "tool", "data", "result", "error"],
          properties: {
            ok: { const: true },
            success: { const: true },
            request_id: text,
            tool: { const: tool.name },
            data: ref("schemas", `${tool.name}.output`),
            result: {
              type: "object",
              required: ["content", "is_error"],
              properties: { content: ref("schemas", "Content"), is_error: { const: false } },
            },
            error: { type: "null" },
          },
        }),
      },
      default: ref("responses", "Failure"),
    },
  };
}

const sharedSchemas: JsonSchema = {
  Content: {
    type: "array",
    description: "The answer as JSON text, then as a sentence",
    items: {
      type: "object",
      required: ["type", "text"],
      properties: { type: { const: "text" }, text },
    },
  },
  Failure: {
    type: "object",
    required: ["ok", "request_id", "error"],
    properties: {
      ok: { const: false },
      request_id: text,
      error: {
        type: "object",
        required: ["code", "message", "hint", "retryable", "details"],
        properties: {
          code: { enum: Object.keys(errorTable).sort() },
          message: text,
          hint: { type: ["string", "null"] },
          retryable: { type: "boolean" },
          details: { type: "object" },
        },
      },
    },
  },
  ByTool: {
    type: "object",
    required: ["tool"],
    description: "`tool` or `name`, `arguments` or `parameters`",
    properties: { tool: text, arguments: { type: "object" } },
  },
  ByName: {
    type: "object",
    required: ["name"],
    properties: { name: text, arguments: { type: "object" } },
  },
  ToolResult: {
    type: "object",
    required: ["ok", "request_id", "tool", "data", "result"],
    properties: {
      ok: { const: true },
      request_id: text,
      tool: text,
      data: { type: "object", description: "The tool's structured answer" },
      result: {
        anyOf: [
          { type: "string", description: "With `tool` at /mcp/tool: the data as JSON text" },
          { $ref: "#/components/schemas/Content" },
          { type: "object", required: ["content"] },
        ],
      },
    },
  },
  ToolList: {
    type: "object",
    required: ["ok", "request_id", "count", "tools"],
    properties: {
      ok: { const: true },
      request_id: text,
      count: { type: "integer" },
      tools: {
        type: "array",
        items: {
          type: "object",
          required: ["name", "title", "description", "inputSchema", "parameters", "annotations"],
          properties: { name: text, title: text, description: text },
        },
      },
    },
  },
};
