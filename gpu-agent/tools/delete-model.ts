import { lstatSync } from "node:fs";
import { extname } from "node:path";
import { AppError } from "@trainyard/shared/errors.ts";
import { parseModelPath } from "@trainyard/shared/names.ts";
import { listModels } from "../models/list-models.ts";
import { isModelFile } from "../models/model-tree.ts";
import type { OperationContext } from "../operations/operation-context.ts";
import { plainPathInside } from "../safe-path.ts";
import { throwAway } from "./throw-away.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

export const deleteModel: AgentToolHandler<"delete-model"> = async (input, context) => {
  const wanted = parseModelPath(input.model_path);
  const found = await lookForModel(wanted, context);
  const segments = found ?? wanted;
  const name = segments.join("/");
  return throwAway(
    {
      root: context.home.outputs,
      segments,
      virtualPath: `outputs/${name}`,
      name,
      exists: found !== null,
      missing: () =>
        new AppError("MODEL_NOT_FOUND", "There is no such model or job folder on this box.", {
          hint: "Call list-exported-models and give a path from there.",
        }),
    },
    input,
    context,
  );
};

const candidatesShown = 10;

/** A folder with models, a model file, or the only model of that name; null when there is none. */
async function lookForModel(
  segments: readonly string[],
  { home, supervisor }: OperationContext,
): Promise<readonly string[] | null> {
  const path = plainPathInside(home.outputs, segments);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const [folder = ""] = segments;
  if (stat?.isFile() === true && isModelFile(path)) return segments;
  const { models } = await listModels(home);
  if (stat?.isDirectory() === true) {
    const holdsModels = models.some((model) => startsWith(model.segments, segments));
    const isOfJob = segments.length === 1 && supervisor.jobOfOutput(folder) !== null;
    return holdsModels || isOfJob ? segments : null;
  }
  if (stat !== undefined || segments.length > 1) return null;
  const matches = models.filter(({ name }) => name === folder || stem(name) === folder);
  if (matches.length <= 1) return matches[0]?.segments ?? null;
  throw new AppError("INVALID_ARGUMENT", "Several models have that name. Nothing was changed.", {
    hint: "Give the one that is meant with its folder.",
    details: {
      field: "model_path",
      candidates: matches.slice(0, candidatesShown).map((model) => model.segments.join("/")),
    },
  });
}

function startsWith(segments: readonly string[], start: readonly string[]): boolean {
  return start.every((segment, at) => segments[at] === segment);
}

function stem(name: string): string {
  return name.slice(0, name.length - extname(name).length);
}
