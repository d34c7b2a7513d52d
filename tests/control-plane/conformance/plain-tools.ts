import { AppError } from "@trainyard/shared/errors.ts";
import { png, says, tool, wav } from "./fixture-tool.ts";
import type { FixtureTool } from "./fixture-tool.ts";

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Of SEP-1613 and SEP-2106: keywords that must come through a list unchanged. */
const richSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object" as const,
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

export const plainTools: readonly FixtureTool[] = [
  tool("test_simple_text", async () => says("This is a simple text response for testing.")),
  tool("test_image_content", async () => ({
    content: [{ type: "image", data: png, mimeType: "image/png" }],
  })),
  tool("test_audio_content", async () => ({
    content: [{ type: "audio", data: wav, mimeType: "audio/wav" }],
  })),
  tool("test_embedded_resource", async () => ({
    content: [
      {
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content.",
        },
      },
    ],
  })),
  tool("test_multiple_content_types", async () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: png, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: '{"test":"data","value":123}',
        },
      },
    ],
  })),
  tool("test_error_handling", async () => {
    throw new AppError("INVALID_ARGUMENT", "This tool intentionally returns an error for testing");
  }),
  tool("test_tool_with_progress", async ({ progress }) => {
    for (const done of [0, 50, 100]) {
      await progress?.({ done, total: 100, message: "on its way" });
      await pause();
    }
    return says("Done.");
  }),
  // Nobody asked for logs, so none may come.
  tool("test_logging_tool", async () => says("Done.")),
  tool("test_tool_with_logging", async () => says("Done.")),
  { ...tool("json_schema_2020_12_tool", async () => says("Done.")), inputSchema: richSchema },
];
