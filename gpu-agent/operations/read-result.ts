import { readFileSync } from "node:fs";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { openInside } from "../safe-path.ts";
import { isObject } from "../trainers/box-document.ts";
import type { OperationHandler } from "./operation-context.ts";

export const readResult: OperationHandler<"read-result"> = ({ jobId, kind }, context) => {
  const { home, supervisor } = context;
  const folder = [...supervisor.jobsOfOutputs()].find(([, job]) => job === jobId)?.[0];
  if (folder === undefined) {
    throw new AppError("JOB_NOT_FOUND", "This box knows no such job.", {
      hint: "Call list-training-jobs for the jobs there are.",
      details: { job_id: jobId },
    });
  }
  const name = `${kind}.json`;
  return { path: `outputs/${folder}/${name}`, result: readRecord(home.outputs, [folder, name]) };
};

function readRecord(root: string, segments: readonly string[]): Record<string, unknown> | null {
  let file;
  try {
    file = openInside(root, segments);
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND") return null;
    throw error;
  }
  try {
    if (file.stat.size > limits.runRecordBytes) return null;
    const value: unknown = JSON.parse(readFileSync(file.descriptor, "utf8"));
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  } finally {
    file.close();
  }
}
