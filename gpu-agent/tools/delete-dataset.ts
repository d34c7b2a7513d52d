import { AppError } from "@trainyard/shared/errors.ts";
import { parseDatasetFolder } from "@trainyard/shared/names.ts";
import { lookForDataset } from "../datasets/dataset-folder.ts";
import { throwAway } from "./throw-away.ts";
import type { AgentToolHandler } from "./tool-handler.ts";

export const deleteDataset: AgentToolHandler<"delete-dataset"> = (input, context) => {
  const { home } = context;
  const name = parseDatasetFolder(input.dataset_path);
  const place = lookForDataset(home, input.dataset_path);
  return throwAway(
    {
      root: place?.root ?? home.datasets,
      segments: [name],
      virtualPath: `datasets/${name}`,
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
