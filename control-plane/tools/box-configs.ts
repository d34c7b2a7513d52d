/** Configs that lie on the boxes. A box that is off or slow is shown as it was seen last. */
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { foldName } from "@trainyard/shared/names.ts";
import type { configOrigins } from "@trainyard/shared/protocol/operations/configs.ts";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import type { BoxConfig, BoxConfigRow } from "@trainyard/shared/protocol/operations/configs.ts";
import type { AgentView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import { chooseAgent, knownAgents } from "./choose-agent.ts";
import { isUnreachable } from "./context.ts";
import type { EdgeContext } from "./context.ts";
import { soon } from "./soon.ts";

export type ConfigOrigin = (typeof configOrigins)[number];

/** Which box said it, and when. */
export interface BoxPlace {
  readonly agentId: string;
  readonly observedAtMs: number;
  readonly connectivity: "live" | "stale" | "offline";
}

export interface PlacedRow extends BoxConfigRow {
  readonly box: BoxPlace;
}

/** Of one box, or of all; a box that never answered has none. The same name on two boxes is two rows. */
export async function boxConfigs(
  wanted: string | undefined,
  context: EdgeContext,
): Promise<{ readonly rows: readonly PlacedRow[]; readonly more: boolean }> {
  const agents = await agentsMeant(wanted, context);
  const listed = await Promise.all(
    agents.map((agent) => askOrRemember(agent, "list-configs", {}, context)),
  );
  return {
    rows: listed.flatMap((found) =>
      found === null ? [] : found.value.configs.map((row) => ({ ...row, box: found.box })),
    ),
    more: listed.some((found) => found?.value.more === true),
  };
}

/** Of the first box that has it. */
export async function readBoxConfig(
  name: string,
  wanted: string | undefined,
  context: EdgeContext,
): Promise<{ readonly config: BoxConfig; readonly box: BoxPlace } | null> {
  for (const agent of await agentsMeant(wanted, context)) {
    const found = await askOrRemember(agent, "read-config", { name }, context);
    if (found !== null && found.value.config !== null) {
      return { config: found.value.config, box: found.box };
    }
  }
  return null;
}

async function agentsMeant(
  wanted: string | undefined,
  context: EdgeContext,
): Promise<readonly AgentView[]> {
  return wanted === undefined ? knownAgents(context) : [await chooseAgent(context, wanted)];
}

interface Remembered<Value> {
  readonly value: Value;
  readonly box: BoxPlace;
}

async function askOrRemember<Name extends "list-configs" | "read-config">(
  agent: AgentView,
  operation: Name,
  args: OperationArgs<Name>,
  context: EdgeContext,
): Promise<Remembered<OperationValue<Name>> | null> {
  const { agentId, connectivity, capabilities } = agent;
  const about = "name" in args ? `/${foldName(args.name)}` : "";
  const key = `${operation}/${agentId}${about}`;
  if (connectivity === "live" && capabilities.operations.includes(operation)) {
    try {
      const value = await soon(
        context.callAgent(agentId, operation, args),
        limits.boxConfigsWaitMs,
      );
      const body = JSON.stringify(value);
      unwrap(await context.hub.keepSnapshot(key, body));
      return { value, box: { agentId, observedAtMs: context.now(), connectivity } };
    } catch (error) {
      // What is saved here is listed whatever is the matter with a box.
      const listed = operation === "list-configs" && error instanceof AppError;
      if (!listed && !isUnreachable(error)) throw error;
    }
  }
  const kept = unwrap(await context.hub.readSnapshot(key));
  if (kept === null) return null;
  return {
    value: JSON.parse(kept.body) as OperationValue<Name>,
    box: {
      agentId,
      observedAtMs: kept.atMs,
      connectivity: connectivity === "live" ? "stale" : connectivity,
    },
  };
}
