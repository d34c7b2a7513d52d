import { isObject, type JsonObject, objectAt } from "./ai-toolkit-document.ts";
import { bounds, error, inBounds, type Place, range, shown, warning } from "./finding.ts";

export function checkTrain(process: JsonObject, { path, tiny, add }: Place): void {
  const train = objectAt(process, "train");
  const batch = requireNumber(
    train["batch_size"],
    "BATCH_SIZE",
    `${path}.train.batch_size`,
    bounds.batchSize,
    add,
  );
  if (!tiny && batch !== null && batch > 8) {
    add(
      warning("BATCH_SIZE_HIGH", "A batch size above 8 rarely fits in memory.", {
        field: `${path}.train.batch_size`,
        value: batch,
        fix: "Use 1 to 4.",
      }),
    );
  }
  const steps = requireNumber(train["steps"], "STEPS", `${path}.train.steps`, bounds.steps, add);
  if (!tiny && steps !== null && steps < 100) {
    add(
      warning("STEPS_LOW", "Fewer than 100 steps teach almost nothing.", {
        field: `${path}.train.steps`,
        value: steps,
        fix: "Use 1000 or more.",
      }),
    );
  }
  if (!tiny && steps !== null && steps > 20_000) {
    add(
      warning("STEPS_HIGH", "More than 20000 steps overfit most datasets.", {
        field: `${path}.train.steps`,
        value: steps,
        fix: "Use 1000 to 6000.",
      }),
    );
  }
  checkLearningRate(train, `${path}.train.lr`, tiny, add);
}

function checkLearningRate(
  train: JsonObject,
  field: string,
  tiny: boolean,
  add: Place["add"],
): void {
  const value = train["lr"] ?? train["learning_rate"];
  if (value === undefined || value === null) {
    return add(
      error("MISSING_LEARNING_RATE", "The learning rate is missing.", {
        field,
        fix: "Set `train.lr`, for example to 0.0001.",
      }),
    );
  }
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    return add(
      error("INVALID_LEARNING_RATE", "The learning rate is a number above 0.", {
        field,
        value: shown(value),
        fix: "Use for example 0.0001.",
      }),
    );
  }
  // These find the rate themselves; 1 is their neutral value.
  const adaptive =
    typeof train["optimizer"] === "string" && /^(?:prodigy|dadapt)/i.test(train["optimizer"]);
  if (tiny || adaptive) return;
  if (value < 1e-6 || value > 1e-2) {
    add(
      warning("LEARNING_RATE_OUT_OF_RANGE", "The learning rate is outside 0.000001 to 0.01.", {
        field,
        value,
        fix: "Use 0.0001 to 0.0004.",
      }),
    );
  }
  if (value > 1e-3) {
    add(
      warning("LEARNING_RATE_HIGH", "A learning rate above 0.001 often diverges.", {
        field,
        value,
        fix: "Use 0.0001 to 0.0004.",
      }),
    );
  }
}

export function checkNetwork(process: JsonObject, { path, tiny, add }: Place): void {
  const network = objectAt(process, "network");
  // An embedding or an adapter is what trains then.
  const other = process["embedding"] ?? process["adapter"];
  if (process["network"] === undefined && isObject(other)) return;
  const rank = requireNumber(
    network["linear"] ?? network["rank"],
    "RANK",
    `${path}.network.linear`,
    bounds.rank,
    add,
  );
  if (!tiny && rank !== null && rank > 256) {
    add(
      warning("RANK_HIGH", "A rank above 256 costs memory and overfits.", {
        field: `${path}.network.linear`,
        value: rank,
        fix: "Use 16 to 64.",
      }),
    );
  }
  const alpha = network["linear_alpha"] ?? network["alpha"];
  if (alpha === undefined || alpha === null) return;
  const field = `${path}.network.linear_alpha`;
  if (!inBounds(alpha, bounds.alpha, false) || alpha === 0) {
    return add(
      error("INVALID_ALPHA", `Alpha is a number above 0, at most ${bounds.alpha.max}.`, {
        field,
        value: shown(alpha),
        fix: "Use the same number as the rank.",
      }),
    );
  }
  if (!tiny && rank !== null && alpha > 2 * rank) {
    add(
      warning("ALPHA_HIGH_VS_RANK", "Alpha above twice the rank makes training unstable.", {
        field,
        value: alpha,
        fix: "Use the same number as the rank.",
      }),
    );
  }
}

/** A number that must be there, whole and inside its bounds; null when a finding was added. */
function requireNumber(
  value: unknown,
  what: "BATCH_SIZE" | "STEPS" | "RANK",
  field: string,
  limit: { min: number; max: number },
  add: Place["add"],
): number | null {
  const name = what.toLowerCase().replace("_", " ");
  const fix = `Set it to a whole number ${range(limit)}.${what === "RANK" ? " A config without a network trains the whole model: start-training runs it unchecked." : ""}`;
  if (value === undefined || value === null) {
    add(error(`MISSING_${what}`, `The ${name} is missing.`, { field, fix }));
    return null;
  }
  if (inBounds(value, limit, true)) return value;
  add(
    error(`INVALID_${what}`, `The ${name} is not a whole number ${range(limit)}.`, {
      field,
      value: shown(value),
      fix,
    }),
  );
  return null;
}
