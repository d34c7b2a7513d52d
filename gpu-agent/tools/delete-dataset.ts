import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import { datasetRoots, lookForDataset } from "../datasets/dataset-folder.ts";
import { listTrash } from "../files/trash.ts";
import type { Home } from "../home.ts";
import { throwAway } from "./throw-away.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

export const deleteDataset: AgentToolHandler<"delete-dataset"> = (input, context) => {
  const { home } = context;
  const place = lookForDataset(home, input.dataset_path);
  const name = place?.name ?? parseDatasetFolder(input.dataset_path);
  return throwAway(
    {
      root: place?.root ?? rootOfDeleted(home, name),
      segments: [name],
      virtualPath: place?.virtualPath ?? `datasets/${name}`,
      name,
      exists: place !== null,
      missing: () =>
        new AppError("DATASET_NOT_FOUND", "There is no dataset of that name on this box.", {
          hint: "Call list-datasets.",
          details: { dataset: name },
        }),
    },
    input,
    context,
  );
};

/** Where the trash has one of that name. */
function rootOfDeleted(home: Home, name: string): string {
  const root = datasetRoots(home).find((one) =>
    listTrash(one).some((entry) => entry.segments.join("/") === name),
  );
  return root ?? home.datasets;
}
