import { isTerminal, jobStates } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { catalog } from "@trainyard/shared/tools/registry.ts";
import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import { modelPresets } from "@trainyard/shared/training/presets/model-presets.ts";
import { highResolution } from "@trainyard/shared/training/validate-dataset.ts";
import { runOnAgent } from "../http/agent-tool.ts";
import type { AgentView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { boxConfigs } from "./box-configs.ts";
import { chooseAgent, knownAgents } from "./choose-agent.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { fitList } from "./fit-list.ts";
import { readSavedConfig } from "./saved-config.ts";
import { soon } from "./soon.ts";
import { iso, plural } from "./words.ts";

type Answer = ReturnType<EdgeHandler<"get-training-info">>;

export const getTrainingInfo: EdgeHandler<"get-training-info"> = (input, context) =>
  input.name === undefined
    ? overview(input.agent, context.detail(input.detail) === "full", context)
    : configInfo(input.name, input.agent, context.detail(input.detail) === "full", context);

async function configInfo(
  reference: string,
  agent: string | undefined,
  full: boolean,
  context: EdgeContext,
): Answer {
  const { name, document, box } = await readSavedConfig(context, reference, agent);
  const said = readAiToolkitDocument(document);
  const prompts = full ? said.prompts : fitList(said.prompts, limits.conciseCharacters - 700);
  const steps = said.steps === null ? "" : `, ${said.steps} steps`;
  const rank = said.rank === null ? "" : `, rank ${said.rank}`;
  return {
    data: {
      about: "config",
      name,
      trainer: said.trainer,
      trigger_word: said.triggerWord,
      model_name: said.modelName,
      dataset_path: said.datasets[0] ?? null,
      resolution: [...(said.resolution ?? [])],
      steps: said.steps,
      rank: said.rank,
      alpha: said.alpha,
      learning_rate: said.learningRate,
      test_prompts: [...prompts],
      ...(box === null ? {} : { observed_at: iso(box.observedAtMs) }),
    },
    text: `Config ${name} for the trainer ${said.trainer}${steps}${rank}, ${plural(said.prompts.length, "sample prompt")}. Next: validate-training-config or run-training-with-guardrails with config_name ${name}.`,
  };
}

async function overview(wanted: string | undefined, full: boolean, context: EdgeContext): Answer {
  const { hub } = context;
  const agents =
    wanted === undefined ? await knownAgents(context) : [await chooseAgent(context, wanted)];
  const active = jobStates.filter((state) => !isTerminal(state));
  const page = { agentId: null, limit: 1, before: null };
  const [all, live, saved, onBoxes, datasets, models] = await Promise.all([
    hub.listJobs({ states: null, ...page }).then(unwrap),
    hub.listJobs({ states: active, ...page }).then(unwrap),
    hub.configs("list", null).then(unwrap),
    boxConfigs(wanted, context),
    countOnBoxes("list-datasets", agents, context),
    countOnBoxes("list-exported-models", agents, context),
  ]);
  const configs = saved.length + onBoxes.rows.length;
  const paths = modelPresets.map(({ path }) => path);
  return {
    data: {
      about: "overview",
      total_jobs: all.total,
      active_jobs: live.total,
      configs,
      datasets,
      models,
      max_resolution: highResolution,
      gpu_info: agents.flatMap(({ agentId, capabilities }) =>
        capabilities.gpus.map(({ index, name, memoryMib }) => ({
          agent_id: agentId,
          index,
          name,
          memory_total_mb: memoryMib,
        })),
      ),
      supported_models: full ? [...new Set(paths)] : paths.slice(0, 6),
      ...(full ? { training_presets: modelPresets.map(({ key }) => key) } : {}),
      observed_at: iso(context.now()),
    },
    text: `${plural(all.total, "job")}, ${live.total} of them active; ${plural(configs, "config")}, ${datasets ?? "unknown"} datasets, ${models ?? "unknown"} models. ${plural(modelPresets.length, "base model")} can be trained: list-model-presets. Next: list-datasets, then create-training-config.`,
  };
}

/** What the boxes say together, from memory where one is off; null when none ever said. */
async function countOnBoxes(
  tool: "list-datasets" | "list-exported-models",
  agents: readonly AgentView[],
  context: EdgeContext,
): Promise<number | null> {
  const counts = await Promise.all(
    agents.map(async ({ agentId }) => {
      // As a caller without wishes asks, so that what the box said to one serves here too.
      const input = { ...catalog[tool].input.parse({}), agent: agentId, detail: "concise" };
      try {
        const { data } = await soon(
          runOnAgent(catalog[tool], input, context),
          limits.boxConfigsWaitMs,
        );
        return typeof data["count"] === "number" ? data["count"] : null;
      } catch (error) {
        if (isUnreachable(error)) return null;
        throw error;
      }
    }),
  );
  const told = counts.filter((one) => one !== null);
  return told.length === 0 ? null : told.reduce((sum, one) => sum + one, 0);
}
