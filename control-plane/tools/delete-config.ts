import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal, jobStates } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { Deleted, StoredConfig } from "../hub/config-shelf.ts";
import { unwrap } from "../outcome.ts";
import { readBoxConfig } from "./box-configs.ts";
import type { EdgeContext, EdgeHandler } from "./context.ts";
import { missingConfig, namesMeant } from "./saved-config.ts";
import { iso, plural } from "./words.ts";

export const deleteConfig: EdgeHandler<"delete-config"> = async (input, context) => {
  const names = namesMeant(input.name);
  if (input.restore) return restore(names, input.purge, context);
  const confirmed = input.confirm === undefined ? [] : namesMeant(input.confirm);
  if (input.purge && !names.some((name) => confirmed.includes(name))) {
    throw new AppError(
      "CONFIRM_REQUIRED",
      "What is purged cannot come back. Nothing was changed.",
      {
        hint: "Give its name again in confirm, or leave purge out: the trash keeps it for a week.",
        details: { confirm: names.at(-1) ?? "" },
      },
    );
  }
  const deleted = await deleteFirst(names, input.purge, context);
  const until =
    deleted.trashed === null ? null : iso(deleted.trashed.deletedAtMs + limits.trashKeepMs);
  const jobs = await jobsOf(deleted.name, context);
  const own =
    jobs === 0 ? "" : ` ${plural(jobs, "job")} started with it go on with their own copy.`;
  const what =
    until === null
      ? "is gone for good."
      : `${deleted.before ? "was" : "is"} in the trash until ${until.slice(0, 10)}; the same call with restore brings it back.`;
  return {
    data: {
      success: true,
      deleted: deleted.name,
      restored: null,
      path: `config/${deleted.name}.yaml`,
      purged: input.purge,
      already_deleted: deleted.before,
      restorable_until: until,
      jobs,
    },
    text: `Config ${deleted.name} ${what}${own}`,
  };
};

async function deleteFirst(
  names: readonly string[],
  purge: boolean,
  context: EdgeContext,
): Promise<Deleted> {
  for (const name of names) {
    const deleted = unwrap(await context.hub.configs("delete", { name, purge }));
    if (deleted !== null) return deleted;
  }
  for (const name of names) {
    const found = await readBoxConfig(name, undefined, context);
    if (found === null) continue;
    throw new AppError(
      "CONFIG_ON_BOX",
      "That config is a file of the box and was not saved here.",
      {
        hint: "Delete it there; details.path says which file it is.",
        details: { path: found.config.path, agent_id: found.box.agentId },
      },
    );
  }
  throw await missingConfig(names.at(-1) ?? "", context);
}

async function restore(
  names: readonly string[],
  purge: boolean,
  context: EdgeContext,
): ReturnType<EdgeHandler<"delete-config">> {
  if (purge) {
    throw new AppError("INVALID_ARGUMENT", "restore and purge are opposites.", {
      hint: "Give one of them.",
      details: { field: "purge" },
    });
  }
  let restored: StoredConfig | null = null;
  for (const name of names) {
    restored ??= unwrap(await context.hub.configs("restore", { name }));
  }
  if (restored === null) {
    throw new AppError("CONFIG_NOT_FOUND", "The trash holds no config of that name.", {
      hint: "It is kept for a week. list-configs has the saved ones.",
      details: { config_name: names.at(-1) ?? "" },
    });
  }
  return {
    data: {
      success: true,
      deleted: null,
      restored: restored.name,
      path: `config/${restored.name}.yaml`,
      purged: false,
      already_deleted: false,
      restorable_until: null,
      jobs: await jobsOf(restored.name, context),
    },
    text: `Config ${restored.name} is back. Next: run-training-with-guardrails with config_name ${restored.name}.`,
  };
}

async function jobsOf(name: string, { hub }: EdgeContext): Promise<number> {
  const states = jobStates.filter((state) => !isTerminal(state));
  const { jobs } = unwrap(
    await hub.listJobs({ states, agentId: null, limit: limits.queueLength, before: null }),
  );
  return jobs.filter(({ summary }) => foldName(summary.configName) === foldName(name)).length;
}
