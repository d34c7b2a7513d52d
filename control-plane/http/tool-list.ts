import type { Scope } from "@trainyard/shared/tools/define-tool.ts";
import { toolsOf } from "@trainyard/shared/tools/toolsets.ts";
import openApi from "../../schemas/openapi.json" with { type: "json" };

export interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  /** The same: one earlier system called it so. */
  readonly parameters: object;
  readonly annotations: object;
}

/** Made when the contracts change; to make them here would cost more than a request may. */
const schemas: Readonly<Record<string, object>> = openApi.components.schemas;

/** What a token of this scope may call. */
export function listFor(granted: Scope): readonly ListedTool[] {
  return toolsOf("all", granted).map(({ name, title, description, annotations }) => {
    const schema = schemas[`${name}.input`] ?? {};
    return { name, title, description, inputSchema: schema, parameters: schema, annotations };
  });
}
