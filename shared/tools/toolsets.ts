import type { Scope } from "./define-tool.ts";
import { type CatalogTool, tools } from "./registry.ts";

/** What a path of the MCP door lists. */
export const toolsets = ["mcp", "core", "readonly"] as const;
export type Toolset = (typeof toolsets)[number];

const rank: Readonly<Record<Scope, number>> = { read: 0, train: 1, admin: 2 };

export function scopeAllows(granted: Scope, needed: Scope): boolean {
  return rank[granted] >= rank[needed];
}

function belongs(tool: CatalogTool, toolset: Toolset): boolean {
  switch (toolset) {
    case "mcp":
      return true;
    case "core":
      return tool.core;
    case "readonly":
      return tool.annotations.readOnlyHint && tool.scope === "read";
  }
}

export function toolsOf(toolset: Toolset, granted: Scope = "admin"): readonly CatalogTool[] {
  return tools.filter((tool) => belongs(tool, toolset) && scopeAllows(granted, tool.scope));
}
