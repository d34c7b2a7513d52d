import { AppError } from "@trainyard/shared/errors.ts";
import type { Home } from "./home.ts";
import { readPolicy } from "./policy.ts";
import type { TrainerFact } from "./trainers/trainer.ts";

/** Every folder that this box reads or writes by name, with the name it is shown under. */
export function rootsOf(
  home: Home,
  trainers: readonly TrainerFact[],
): readonly (readonly [name: string, path: string])[] {
  return [
    ["outputs", home.outputs],
    ["datasets", home.datasets],
    ["jobs", home.jobs],
    ...policyRoots(home),
    ...trainers.flatMap(({ name, path }) =>
      path == null ? [] : [[name, path] as readonly [string, string]],
    ),
  ];
}

/** A policy that cannot be read allows nothing, and its roots are not known. */
function policyRoots(home: Home): (readonly [string, string])[] {
  try {
    const { modelRoots, comfyuiRoots } = readPolicy(home);
    return [...modelRoots, ...comfyuiRoots].map((path) => [path, path] as const);
  } catch (error) {
    if (error instanceof AppError && error.code === "POLICY_INVALID") return [];
    throw error;
  }
}
