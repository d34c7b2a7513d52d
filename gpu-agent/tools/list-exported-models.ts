import { join } from "node:path";
import type { ModelRow } from "@trainyard/shared/tools/list-exported-models.ts";
import { judgeModel, listModels } from "../models/list-models.ts";
import type { ModelFile } from "../models/list-models.ts";
import { fittingRows } from "./fitting-rows.ts";
import type { AgentToolHandler } from "./tool-handler.ts";
import { megabytes, observedNow } from "./tool-handler.ts";

export const listExportedModels: AgentToolHandler<"list-exported-models"> = async (
  { limit, detail },
  context,
) => {
  const { home, spool, supervisor } = context;
  const { models, limited } = await listModels(home);
  const jobs = supervisor.jobsOfOutputs();
  const full = detail !== "concise";
  const toRow = (model: ModelFile): ModelRow => {
    const [folder] = model.segments;
    const { valid, step } = judgeModel(home, model);
    return {
      name: model.name,
      path: ["outputs", ...model.segments].join("/"),
      job_name: model.segments.length > 1 ? (folder ?? null) : null,
      job_id: folder === undefined ? null : (jobs.get(folder) ?? null),
      size: model.bytes,
      extension: model.extension,
      ...(full
        ? {
            size_mb: megabytes(model.bytes),
            // Only what was computed before: a listing must not read gigabytes.
            sha256: spool.hash({
              path: join(home.outputs, ...model.segments),
              dev: model.dev,
              ino: model.ino,
              bytes: model.bytes,
              modifiedAtMs: model.modifiedAtMs,
            }),
          }
        : {}),
      valid,
      step,
      modified_at: new Date(model.modifiedAtMs).toISOString(),
    };
  };
  const listed = models.slice(0, limit);
  const rows = full ? listed.map(toRow) : fittingRows(listed, toRow);
  const more = [
    ...(rows.length < listed.length ? ["detail full"] : []),
    ...(listed.length < models.length ? ["a higher limit"] : []),
  ].join(" and ");
  return {
    data: {
      models: rows,
      count: models.length,
      truncated: limited || rows.length < models.length,
      ...observedNow(context),
    },
    text:
      models.length === 0
        ? "There is no model on this box yet. Call list-training-jobs to see what trains."
        : `${models.length} model file${models.length === 1 ? "" : "s"}, newest first${more === "" ? "" : `; ${rows.length} are here, ask with ${more} for the others`}. Call create-download-link with a path to fetch one.`,
  };
};
