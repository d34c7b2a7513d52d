import { readBoxConfig } from "../configs/box-configs.ts";
import type { OperationHandler } from "./operation-context.ts";

export const readConfig: OperationHandler<"read-config"> = async ({ name }, { home }) => ({
  config: await readBoxConfig(home, name),
});
