import type { z } from "zod";

export type Scope = "read" | "train" | "admin";
export type RunsOn = "edge" | "agent";

/** All four are required: an absent hint is a silent gap, and hosts decide by them. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/**
 * One tool's whole contract. Everything else about the tool (MCP registration, HTTP doors, schema files, docs,
 * scope check, aliases) is derived from it. The handler lives where the tool runs, in a file of the same name.
 */
export interface ToolContract<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
> {
  /** Kebab-case; equals the file name and the schema files' names. */
  readonly name: Name;
  readonly title: string;
  /** Two or three plain sentences: what it returns, when to choose it over its neighbour, what it changes. */
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  readonly scope: Scope;
  readonly runsOn: RunsOn;
  /** Listed at /mcp/core. */
  readonly core: boolean;
  /** Absent: nothing to do with language models. */
  readonly llm?: LlmPlace;
}

/**
 * How a tool stands at /mcp/llm: only there (and at /mcp/all), as well as elsewhere, or with parameters of its own under a name that
 * pictures use too: each list leaves out what is the other's.
 */
type LlmPlace = "only" | "too" | LlmForms;

interface LlmForms {
  readonly llm: ToolForm;
  readonly pictures: ToolForm;
}

interface ToolForm {
  /** Parameters that the other form does not take. */
  readonly own: readonly string[];
  readonly required: readonly string[];
}

/** Identity, for inference: strict input (unknown keys are an error), inferred types kept. */
export function defineTool<
  const Name extends string,
  Input extends z.ZodObject,
  Output extends z.ZodObject,
  const Runs extends RunsOn,
>(
  contract: ToolContract<Name, Input, Output> & { readonly runsOn: Runs },
): ToolContract<Name, Input, Output> & { readonly runsOn: Runs } {
  return contract;
}

export type InputOf<Tool extends ToolContract> = z.output<Tool["input"]>;
export type OutputOf<Tool extends ToolContract> = z.input<Tool["output"]>;

/** What a handler returns: the structured answer, and one short text that stands on its own and names the next call. */
export interface ToolAnswer<Data> {
  readonly data: Data;
  readonly text: string;
  /** For readers that can see: content of their own, never base64 in a text. */
  readonly pictures?: readonly ToolPicture[];
}

export interface ToolPicture {
  readonly mediaType: "image/jpeg" | "image/png";
  readonly base64: string;
}
