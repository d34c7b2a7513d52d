import type { CallToolResult } from "@modelcontextprotocol/server";
import type { ToolCall, ToolReply } from "../../../control-plane/mcp/offer.ts";

/** A tool that the conformance suite calls by name; what it has to do stands in the suite's own description of the scenario. */
export interface FixtureTool {
  readonly name: string;
  readonly inputSchema?: { readonly type: "object"; readonly [key: string]: unknown };
  call(call: ToolCall): Promise<ToolReply>;
}

export const says = (text: string): CallToolResult => ({ content: [{ type: "text", text }] });

export const tool = (name: string, call: FixtureTool["call"]): FixtureTool => ({ name, call });

/** One red pixel. */
export const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

/** The header of a sound and none of it. */
export const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
