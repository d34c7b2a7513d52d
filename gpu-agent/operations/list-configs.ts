import { listBoxConfigs } from "../configs/box-configs.ts";
import type { OperationHandler } from "./operation-context.ts";

export const listConfigs: OperationHandler<"list-configs"> = async (_args, { home }) => {
  const { rows, more } = await listBoxConfigs(home);
  return { configs: rows, more };
};
