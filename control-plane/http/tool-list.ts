import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { inputJsonSchema } from "@trainyard/shared/tools/json-schema.ts";
import { toolsOf } from "@trainyard/shared/tools/toolsets.ts";

export interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  /** The same: one earlier system called it so. */
  readonly parameters: object;
  readonly annotations: object;
}

const listed = new Map<Scope, readonly ListedTool[]>();

/** What a token of this scope may call. Made once per isolate and scope: it costs milliseconds. */
export function listFor(granted: Scope): readonly ListedTool[] {
  let list = listed.get(granted);
  if (list === undefined) {
    list = toolsOf("mcp", granted).map((tool) => {
      const schema = inputJsonSchema(tool);
      return {
        name: tool.name,
        title: tool.title,
        description: tool.description,
        inputSchema: schema,
        parameters: schema,
        annotations: tool.annotations,
      };
    });
    listed.set(granted, list);
  }
  return list;
}
