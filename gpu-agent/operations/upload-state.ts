import { readStaged, stagingFiles } from "../files/staging.ts";
import type { OperationHandler } from "./operation-context.ts";

export const uploadState: OperationHandler<"upload-state"> = ({ transferId }, { home }) => ({
  storedBytes: readStaged(stagingFiles(home, transferId))?.storedBytes ?? 0,
});
