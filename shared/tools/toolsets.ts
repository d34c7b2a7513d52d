import type { Scope } from "./define-tool.ts";
import { type CatalogTool, tools } from "./registry.ts";

export type Toolset = "mcp" | "core" | "readonly" | "all" | "llm";

interface ToolsetPath {
  readonly toolset: Toolset;
  readonly path: `/mcp${string}`;
  /** Whose tools, in a few words for lists of addresses. */
  readonly what: string;
}

const rank: Readonly<Record<Scope, number>> = { read: 0, train: 1, admin: 2 };

export function scopeAllows(granted: Scope, needed: Scope): boolean {
  return rank[granted] >= rank[needed];
}

function belongs(tool: CatalogTool, toolset: Toolset): boolean {
  const llm = tool.llm ?? null;
  switch (toolset) {
    case "mcp":
      return llm !== "only";
    case "core":
      return tool.core;
    case "readonly":
      return llm !== "only" && tool.annotations.readOnlyHint && tool.scope === "read";
    case "all":
      return true;
    case "llm":
      return llm !== null;
  }
}

export function toolsOf(toolset: Toolset, granted: Scope = "admin"): readonly CatalogTool[] {
  return tools.filter((tool) => belongs(tool, toolset) && scopeAllows(granted, tool.scope));
}

/** The paths of the MCP door. */
export const toolsetPaths: readonly ToolsetPath[] = [
  { toolset: "mcp", path: "/mcp", what: "all tools for pictures" },
  { toolset: "core", path: "/mcp/core", what: "the tools of a usual training" },
  { toolset: "readonly", path: "/mcp/readonly", what: "only what reads" },
  { toolset: "llm", path: "/mcp/llm", what: "the tools for language models" },
  { toolset: "all", path: "/mcp/all", what: "every tool there is" },
];

/** The first path at which the tool is listed, for who asked at another. */
export function pathOf(tool: CatalogTool): string {
  return toolsetPaths.find(({ toolset }) => belongs(tool, toolset))?.path ?? "/mcp/all";
}
