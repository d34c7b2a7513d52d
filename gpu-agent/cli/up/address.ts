import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../files/atomic-write.ts";
import { readBootId } from "../../home.ts";
import { livenessOf, systemProcesses } from "../../jobs/process-identity.ts";
import { recordedProcess } from "./own-process.ts";

/** Where the running `up` of a home answers, for the commands that ask it. The token stands elsewhere, in its own file. */
export function writeAddress(homeRoot: string, url: string): void {
  writeFileAtomic(pathIn(homeRoot), JSON.stringify({ url, pid: process.pid }), 0o600);
}

export function forgetAddress(homeRoot: string): void {
  rmSync(pathIn(homeRoot), { force: true });
}

/**
 * The address, or null when no `up` runs with this home. An `up` that was killed leaves the file behind; another program may
 * have its port by now and must not be sent the token, so the process itself has to be there.
 */
export function readAddress(homeRoot: string): string | null {
  const up = recordedProcess(join(homeRoot, "run", "up.json"));
  if (up === null) return null;
  try {
    const value = JSON.parse(readFileSync(pathIn(homeRoot), "utf8")) as Record<string, unknown>;
    const { url, pid } = value;
    if (typeof url !== "string" || !URL.canParse(url) || pid !== up.pid) return null;
    return livenessOf(systemProcesses(), up, readBootId()) === "alive" ? url : null;
  } catch {
    return null;
  }
}

function pathIn(homeRoot: string): string {
  return join(homeRoot, "run", "address.json");
}
