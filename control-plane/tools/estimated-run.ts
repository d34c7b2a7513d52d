import { readAiToolkitDocument } from "@trainyard/shared/training/ai-toolkit-document.ts";
import type { FigureSource, PlanGpu } from "@trainyard/shared/training/box-experience.ts";
import { speedOf } from "@trainyard/shared/training/learn-speed.ts";
import type { AgentView } from "../hub/hub.ts";
import { boxExperience, loadOfDocument } from "./box-experience.ts";
import type { EdgeContext } from "./context.ts";

/** How long a whole run of the config takes on the box; null where nothing is known to say it by. Reads the box's past jobs. */
export async function estimatedRun(
  document: Readonly<Record<string, unknown>>,
  agent: AgentView,
  context: EdgeContext,
): Promise<{ readonly seconds: number; readonly source: FigureSource } | null> {
  const load = loadOfDocument(document);
  const { steps } = readAiToolkitDocument(document);
  if (load === null || steps === null) return null;
  const speed = speedOf(load, gpuOf(agent), await boxExperience(agent, context));
  if (speed.stepsPerSecond === null || speed.stepsPerSecond <= 0) return null;
  return { seconds: (steps / speed.stepsPerSecond) * speed.overheadRatio, source: speed.source };
}

/** AI Toolkit trains on one card; the first is where a job goes. */
export function gpuOf(agent: AgentView | null): PlanGpu {
  const first = agent?.capabilities.gpus[0];
  if (first === undefined) return { name: null, memoryMib: null };
  return { name: first.name, memoryMib: first.memoryMib > 0 ? first.memoryMib : null };
}
