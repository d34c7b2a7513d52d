import type { JsonSchema } from "../tools/json-schema.ts";
import { toolsetPaths } from "../tools/toolsets.ts";

interface Operation {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** No token is asked for. */
  readonly open?: true;
  readonly scope?: "read" | "train" | "admin";
  /** Names of query parameters. */
  readonly query?: readonly string[];
  readonly body?: JsonSchema;
  /** Of the answer, where it is not any object. */
  readonly answer?: JsonSchema;
  readonly status?: string;
  readonly mediaType?: string;
}

const schema = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const object: JsonSchema = { type: "object" };
const bytes: JsonSchema = {};

/** A path's operations by method. `{name}` in the path is a parameter. */
const table: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/": {
    get: { id: "front", tag: "discovery", summary: "What is here: a page, or JSON", open: true },
  },
  "/health": {
    get: { id: "health", tag: "discovery", summary: "Does it answer", open: true },
  },
  "/openapi.json": {
    get: { id: "openapi", tag: "discovery", summary: "This document", open: true },
  },
  "/.well-known/mcp": {
    get: { id: "wellKnownMcp", tag: "discovery", summary: "Where MCP is", open: true },
  },
  "/tools": {
    get: {
      id: "listTools",
      tag: "tools",
      summary: "What this token may call",
      answer: schema("ToolList"),
    },
  },
  "/mcp/tools": {
    get: { id: "listToolsMcp", tag: "bridge", summary: "As /tools", answer: schema("ToolList") },
  },
  "/mcp/tool": {
    post: {
      id: "callTool",
      tag: "bridge",
      summary: "With `name`, result is a content list; with `tool`, JSON text",
      body: { anyOf: [schema("ByName"), schema("ByTool")] },
      answer: schema("ToolResult"),
    },
  },
  "/mcp/execute": {
    post: {
      id: "executeMcp",
      tag: "bridge",
      summary: "Answers {success, result{content, isError}, error}",
      body: schema("ByTool"),
      answer: schema("ToolResult"),
    },
  },
  "/tools/execute": {
    post: {
      id: "executeTools",
      tag: "bridge",
      summary: "As /mcp/execute",
      body: schema("ByTool"),
      answer: schema("ToolResult"),
    },
  },
  "/execute": {
    post: {
      id: "execute",
      tag: "bridge",
      summary: "Answers {success, result{content, is_error}, error}",
      body: schema("ByTool"),
      answer: schema("ToolResult"),
    },
  },
  "/datasets": {
    get: { id: "getDatasets", tag: "bridge", summary: "The answer of list-datasets, not wrapped" },
  },
  "/configs": {
    get: { id: "getConfigs", tag: "bridge", summary: "The answer of list-configs, not wrapped" },
  },
  "/mcp/initialize": {
    post: { id: "initialize", tag: "bridge", summary: "Server and capabilities; keeps no session" },
  },
  "/mcp/capabilities": {
    get: {
      id: "capabilities",
      tag: "bridge",
      summary: "Names of the tools, and what else there is",
    },
  },
  "/messages": {
    get: { id: "messagesInfo", tag: "bridge", summary: "What speaks at this address", open: true },
    post: { id: "messages", tag: "mcp", summary: "As POST /mcp", body: object },
  },
  "/mcp/rpc": { post: { id: "rpc", tag: "mcp", summary: "As POST /mcp", body: object } },
  "/mcp": {
    get: {
      id: "welcome",
      tag: "mcp",
      summary: "In a browser: how to connect a client",
      open: true,
      mediaType: "text/html",
    },
    post: { id: "mcp", tag: "mcp", summary: "MCP, all tools for pictures", body: object },
  },
  ...Object.fromEntries(
    toolsetPaths
      .filter(({ path }) => path !== "/mcp")
      .map(({ toolset, path, what }) => [
        path,
        { post: { id: `mcp_${toolset}`, tag: "mcp", summary: `MCP, ${what}`, body: object } },
      ]),
  ),
  "/jobs/{job_id}/metrics": {
    get: {
      id: "jobMetrics",
      tag: "jobs",
      summary: "One key's whole series, in pages of columns",
      query: ["key", "from", "limit", "attempt"],
    },
  },
  "/webhooks/routes": {
    get: { id: "listRoutes", tag: "webhooks", summary: "Alert routes" },
    post: {
      id: "setRoute",
      tag: "webhooks",
      summary: "Makes or changes a route",
      scope: "admin",
      body: schema("set-alert-route.input"),
    },
  },
  "/webhooks/routes/{name}": {
    delete: { id: "deleteRoute", tag: "webhooks", summary: "Removes a route", scope: "admin" },
  },
  "/webhooks/routes/{name}/test": {
    post: { id: "testRoute", tag: "webhooks", summary: "Sends a test alert", scope: "admin" },
  },
  "/webhooks/deliveries": {
    get: {
      id: "listDeliveries",
      tag: "webhooks",
      summary: "What was sent, what waits, what is dead",
      query: ["status", "route", "limit", "before"],
    },
  },
  "/webhooks/deliveries/{delivery_id}": {
    get: { id: "getDelivery", tag: "webhooks", summary: "One delivery with its attempts" },
  },
  "/webhooks/deliveries/{delivery_id}/replay": {
    post: { id: "replayDelivery", tag: "webhooks", summary: "Sends it again", scope: "admin" },
  },
  "/webhooks/replay": {
    post: {
      id: "replayDead",
      tag: "webhooks",
      summary: "Sends the dead ones again, oldest first",
      scope: "admin",
      query: ["route"],
    },
  },
  "/files/u/{token}": {
    get: {
      id: "uploadPlace",
      tag: "files",
      summary: "What the link is for and what is there already; with total where its file goes on",
      open: true,
      query: ["total", "upload"],
    },
    put: fileUpload("upload", "Uploads the link's file"),
    post: fileUpload("uploadPost", "As PUT"),
  },
  "/files/u/{token}/{filename}": {
    get: {
      id: "uploadState",
      tag: "files",
      summary: "Where an upload goes on, and what became of it",
      open: true,
      query: ["total", "upload"],
    },
    put: fileUpload("uploadNamed", "Uploads one file of a dataset"),
    post: fileUpload("uploadNamedPost", "As PUT"),
  },
  "/files/d/{token}": {
    get: {
      id: "download",
      tag: "files",
      summary: "A file of the box, with ranges",
      open: true,
      mediaType: "application/octet-stream",
      answer: bytes,
    },
  },
  "/files/r/{token}/{format}": {
    get: {
      id: "report",
      tag: "files",
      summary: "A job's report, made while it is fetched",
      open: true,
      mediaType: "*/*",
      answer: bytes,
    },
  },
  "/files/agent/{transferId}/parts/{part}": {
    get: { id: "agentTakesPart", tag: "box", summary: "A part for the box", open: true },
    post: { id: "agentSendsPart", tag: "box", summary: "A part from the box", open: true },
  },
  "/agent": {
    get: {
      id: "agentSocket",
      tag: "box",
      summary: "The box's WebSocket; it proves itself by signature",
      open: true,
      status: "101",
    },
  },
};

function fileUpload(id: string, summary: string): Operation {
  return { id, tag: "files", summary, open: true, body: bytes, mediaType: "application/json" };
}

/** Every address that is no tool, as OpenAPI path items. */
export const otherPaths: JsonSchema = Object.fromEntries(
  Object.entries(table).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [
        method,
        operationOf(path, operation),
      ]),
    ),
  ]),
);

function operationOf(path: string, operation: Operation): JsonSchema {
  const { id, tag, summary, body, query = [], status = "200", scope } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter("path", name ?? ""));
  const parameters = [...inPath, ...query.map((name) => parameter("query", name))];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(scope === undefined ? {} : { "x-scope": scope }),
    ...(operation.open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: bodyContent(body) } }),
    responses: {
      [status]:
        status === "101"
          ? { description: "The socket" }
          : {
              description: "Done",
              content: {
                [operation.mediaType ?? "application/json"]: { schema: operation.answer ?? object },
              },
            },
      default: { $ref: "#/components/responses/Failure" },
    },
  };
}

function bodyContent(body: JsonSchema): JsonSchema {
  return { [body === bytes ? "application/octet-stream" : "application/json"]: { schema: body } };
}

function parameter(place: "path" | "query", name: string): JsonSchema {
  return {
    name,
    in: place,
    ...(place === "path" ? { required: true } : {}),
    schema: { type: "string" },
  };
}
