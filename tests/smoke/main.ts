// npm run smoke [-- --mode both|stdio|http] [--json]: do both doors list, call, know the old names, route an alert once, and refuse what is
// wrong? No trainer and no GPU is needed. Without TRAINYARD_URL and TRAINYARD_TOKEN it starts a Trainyard of its own and ends it.
import { parseArgs } from "node:util";
import { startTrainyard } from "../support/trainyard.ts";
import { checks } from "./checks.ts";
import { openHttp, openStdio } from "./doors.ts";
import type { SmokeDoor } from "./doors.ts";

const usage = "npm run smoke [-- --mode both|stdio|http] [--json]";
const openers = { http: openHttp, stdio: openStdio };
type Mode = keyof typeof openers;

const { values } = parseArgs({
  options: { mode: { type: "string", default: "both" }, json: { type: "boolean", default: false } },
});
const modes: readonly Mode[] =
  values.mode === "both" ? ["stdio", "http"] : values.mode in openers ? [values.mode as Mode] : [];
if (modes.length === 0) {
  console.error(`There is no mode ${values.mode}. ${usage}`);
  process.exit(2);
}

interface Line {
  readonly mode: Mode;
  readonly check: string;
  readonly ok: boolean;
  readonly said: string;
}

async function runChecks(mode: Mode, door: SmokeDoor): Promise<Line[]> {
  const lines: Line[] = [];
  // Names of one run are nobody else's, so that it can be repeated on a Trainyard in use.
  const tag = `smoke-${mode}-${Date.now().toString(36)}`;
  for (const { name, run } of checks) {
    try {
      lines.push({ mode, check: name, ok: true, said: await run(door, tag) });
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      lines.push({ mode, check: name, ok: false, said });
    }
    const last = lines.at(-1);
    if (!values.json && last !== undefined) {
      console.log(`${last.ok ? "ok    " : "FAILED"}  ${mode.padEnd(5)}  ${name}: ${last.said}`);
    }
  }
  return lines;
}

const given = { url: process.env["TRAINYARD_URL"], token: process.env["TRAINYARD_TOKEN"] };
const own = given.url === undefined || given.token === undefined ? await startTrainyard() : null;
const target = {
  url: own?.ready.url ?? given.url ?? "",
  token: own?.ready.token ?? given.token ?? "",
};
const lines: Line[] = [];
try {
  for (const mode of modes) {
    const door = await openers[mode](target);
    lines.push(...(await runChecks(mode, door)));
    await door.close();
  }
} finally {
  await own?.close();
}
const failed = lines.filter(({ ok }) => !ok);
if (values.json) console.log(JSON.stringify({ ok: failed.length === 0, checks: lines }));
else console.log(`${lines.length - failed.length} of ${lines.length} checks passed`);
if (failed.length > 0) process.exitCode = 1;
