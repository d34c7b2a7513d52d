import { AppError } from "@trainyard/shared/errors.ts";
import { hashJson } from "@trainyard/shared/canonical-json.ts";
import type { ToolAnswer } from "@trainyard/shared/tools/define-tool.ts";
import type { CatalogTool } from "@trainyard/shared/tools/registry.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent } from "../tools/choose-agent.ts";
import { withConfigFacts } from "../tools/config-arguments.ts";
import { isUnreachable } from "../tools/context.ts";
import type { Detail, EdgeContext } from "../tools/context.ts";
import { ago } from "../tools/words.ts";

type Answer = ToolAnswer<Readonly<Record<string, unknown>>>;

/** A tool of the box. Its last answer is kept: with the box off, a read is answered from it and says how old it is. */
export async function runOnAgent(
  tool: CatalogTool,
  given: Readonly<Record<string, unknown>>,
  context: EdgeContext,
): Promise<Answer> {
  const input = await withConfigFacts(tool, given, context);
  const wanted = input["agent"];
  const agent = await chooseAgent(context, typeof wanted === "string" ? wanted : undefined);
  const detail = context.detail(input["detail"] as Detail | undefined);
  const takesDetail = Object.hasOwn(tool.input.shape, "detail");
  const args = Object.fromEntries(
    Object.entries(input).filter(([key]) => key !== "agent" && key !== "detail"),
  );
  const keyOf = async (form: Detail) =>
    `${tool.name}/${agent.agentId}/${form}/${(await hashJson(args)).slice(0, 16)}`;
  try {
    if (!agent.capabilities.tools.includes(tool.name)) {
      throw new AppError("AGENT_OUTDATED", `The box's agent does not know ${tool.name}.`, {
        hint: "Update Trainyard on the box.",
        details: { agent_id: agent.agentId },
      });
    }
    const answer = await context.callAgent(
      agent.agentId,
      tool.annotations.readOnlyHint ? "tool" : "change-tool",
      { tool: tool.name, arguments: takesDetail ? { ...args, detail } : args },
    );
    if (!tool.annotations.readOnlyHint) return { data: answer.data, text: answer.text };
    const data = {
      ...answer.data,
      observed_at: new Date(context.now()).toISOString(),
      connectivity: "live",
    };
    unwrap(
      await context.hub.keepSnapshot(
        await keyOf(detail),
        JSON.stringify({ data, text: answer.text }),
      ),
    );
    return { data, text: answer.text };
  } catch (error) {
    if (!isUnreachable(error) || !tool.annotations.readOnlyHint) throw error;
    const other = detail === "concise" ? "full" : "concise";
    const kept =
      unwrap(await context.hub.readSnapshot(await keyOf(detail))) ??
      unwrap(await context.hub.readSnapshot(await keyOf(other)));
    if (kept === null) throw error;
    const { data, text } = JSON.parse(kept.body) as Answer;
    const connectivity = agent.connectivity === "live" ? "stale" : agent.connectivity;
    return {
      data: { ...data, observed_at: new Date(kept.atMs).toISOString(), connectivity },
      text: `The box does not answer (${connectivity}); this is from ${ago(context.now() - kept.atMs)}. ${text}`,
    };
  }
}
