import { AppError } from "@trainyard/shared/errors.ts";
import type { ConfigTrainer } from "@trainyard/shared/training/training-config.ts";
import type { AgentView } from "../hub/hub.ts";

/** As the box names it; a config names only what is to be trained. */
export type BoxTrainer = ConfigTrainer | typeof webUi;

const webUi = "ai-toolkit-ui";

/**
 * A box whose owner named the server of AI Toolkit's Web UI speaks of the trainer of that name, found or not: there jobs for AI
 * Toolkit go through the UI, so that they show in it.
 */
export function trainerOn(agent: AgentView, wanted: ConfigTrainer): BoxTrainer {
  const hasUi = agent.capabilities.trainers.some(({ name }) => name === webUi);
  return wanted === "ai-toolkit" && hasUi ? webUi : wanted;
}

export function checkTrainer(agent: AgentView, trainer: BoxTrainer): void {
  const known = agent.capabilities.trainers.find(({ name }) => name === trainer);
  // Whether a server answers changes from minute to minute: the box is asked before the start.
  if (known?.found === true || trainer === webUi) return;
  throw trainerMissing(agent, trainer, known?.reason ?? null);
}

export function trainerMissing(
  agent: AgentView,
  trainer: BoxTrainer,
  reason: string | null,
): AppError {
  const [code, message] =
    trainer === webUi
      ? (["TRAINER_UNREACHABLE", "AI Toolkit's Web UI cannot be used by the box."] as const)
      : (["TRAINER_NOT_FOUND", `The box has no trainer ${trainer}.`] as const);
  return new AppError(code, `${message} Nothing was started.`, {
    hint: trainerHints[trainer],
    details: { trainer, agent_id: agent.agentId, reason },
  });
}

const trainerHints: Readonly<Record<BoxTrainer, string>> = {
  tiny: "The tiny trainer comes with Trainyard: update it on the box and start its agent again.",
  "ai-toolkit":
    'details.reason is what the box found. AI Toolkit is at https://github.com/ostris/ai-toolkit; model_name "tiny" needs no GPU and is always there.',
  "ai-toolkit-ui":
    "details.reason is what the box found. Start the UI, or correct AI_TOOLKIT_SERVER_URL and AI_TOOLKIT_AUTH for the agent; trainyard doctor on the box says more.",
  llm: "details.reason is what the box found. Install torch, transformers, peft and accelerate on the box, or set TRAINYARD_LLM_PYTHON to a Python that has them.",
};
