import { AppError } from "@trainyard/shared/errors.ts";
import { explainFailure } from "../explain-failure.ts";
import { UsageError } from "../usage-error.ts";

/** Exit codes of the commands that ask a Trainyard. Scripts branch on them: they never change. */
export const exits = { ok: 0, failed: 1, usage: 2, unreachable: 3, auth: 4 } as const;
export type Exit = (typeof exits)[keyof typeof exits];

export const exitsHelp =
  "Exit: 0 ok, 1 the call was refused or failed, 2 wrong usage, 3 no Trainyard answers, 4 the token is missing, wrong or too weak.";

const byCode: ReadonlyMap<string, Exit> = new Map([
  ["CONTROL_PLANE_UNREACHABLE", exits.unreachable],
  ["AUTH_REQUIRED", exits.auth],
  ["AUTH_INVALID", exits.auth],
  ["INSUFFICIENT_SCOPE", exits.auth],
]);

/** The code of an error, ours or one that a control plane answered with. */
export function exitOf(code: string): Exit {
  return byCode.get(code) ?? exits.failed;
}

/** Runs a command; what it throws is told on standard error and becomes its exit code. */
export async function withExits(command: string, run: () => Promise<Exit>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\nRun: trainyard ${command} --help\n`);
      return exits.usage;
    }
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(explainFailure(error).text);
    return exitOf(error.code);
  }
}
