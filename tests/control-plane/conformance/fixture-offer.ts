import type { McpOffer } from "../../../control-plane/mcp/offer.ts";
import { productOffer } from "../../../control-plane/mcp/product-offer.ts";
import { fixturePrompts } from "./fixture-prompts.ts";
import { fixtureResources } from "./fixture-resources.ts";
import { askingTools } from "./asking-tools.ts";
import { plainTools } from "./plain-tools.ts";
import { cancelFixture, fixtureTask, taskTools, updateFixture } from "./task-tools.ts";

const tools = new Map(
  [...plainTools, ...askingTools, ...taskTools].map((tool) => [tool.name, tool]),
);
const prompts = new Map(fixturePrompts.map((prompt) => [prompt.name, prompt]));
const resources = new Map(fixtureResources.map((resource) => [resource.uri, resource]));

/** Whatever is no fixture is answered by the product. */
export const fixtureOffer: McpOffer = {
  listTools: (door) => ({
    ...productOffer.listTools(door),
    tools: [
      ...productOffer.listTools(door).tools,
      ...[...tools.values()].map(({ name, inputSchema }) => ({
        name,
        description: "A fixture of the conformance suite.",
        inputSchema: inputSchema ?? { type: "object" as const },
      })),
    ],
  }),
  callTool: async (door, call) =>
    (await tools.get(call.name)?.call(call)) ?? productOffer.callTool(door, call),
  listPrompts: (door) => ({
    ...productOffer.listPrompts(door),
    prompts: [
      ...productOffer.listPrompts(door).prompts,
      ...fixturePrompts.map(({ name, argumentNames }) => ({
        name,
        description: "A fixture of the conformance suite.",
        arguments: argumentNames.map((argument) => ({ name: argument, required: true })),
      })),
    ],
  }),
  getPrompt: async (door, name, given, round) =>
    prompts.get(name)?.get(given, round) ?? productOffer.getPrompt(door, name, given, round),
  listResources: async (door, cursor, signal) => {
    const listed = await productOffer.listResources(door, cursor, signal);
    const fixtures = fixtureResources.map(({ uri, mimeType }) => ({
      uri,
      name: uri,
      description: "A fixture of the conformance suite.",
      mimeType,
    }));
    return { ...listed, resources: [...listed.resources, ...fixtures] };
  },
  listTemplates: (door) => {
    const listed = productOffer.listTemplates(door);
    const template = {
      uriTemplate: "test://template/{id}/data",
      name: "template",
      description: "A fixture of the conformance suite.",
      mimeType: "application/json",
    };
    return { ...listed, resourceTemplates: [...listed.resourceTemplates, template] };
  },
  async readResource(door, uri, signal) {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const contents = resources.get(uri)?.contents;
    if (contents !== undefined) return { contents: [contents] };
    if (id === undefined) return productOffer.readResource(door, uri, signal);
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { contents: [{ uri, mimeType: "application/json", text }] };
  },
  complete: async (door, params, signal) =>
    params.ref.type === "ref/prompt" && prompts.has(params.ref.name)
      ? { completion: { values: ["paris", "park", "party"], total: 3, hasMore: false } }
      : productOffer.complete(door, params, signal),
  getTask: async (door, taskId, signal) =>
    fixtureTask(taskId) ?? productOffer.getTask(door, taskId, signal),
  updateTask: async (door, taskId, responses) =>
    updateFixture(taskId, responses) ? undefined : productOffer.updateTask(door, taskId, responses),
  cancelTask: async (door, taskId, signal) =>
    cancelFixture(taskId) ? undefined : productOffer.cancelTask(door, taskId, signal),
};
