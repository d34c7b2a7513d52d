import { join } from "node:path";
import { openMetricsDatabase } from "../../jobs/metrics-db.ts";
import type { FollowLook } from "../trainer.ts";
import { mirrorFile, mirrorLog } from "./log-mirror.ts";
import { save } from "./ui-following.ts";
import type { Following } from "./ui-following.ts";
import { openUiLog } from "./ui-output.ts";
import { UiProblem } from "./ui-server.ts";
import { tellOfGap } from "./ui-tell.ts";

export async function mirror(following: Following, final: boolean): Promise<void> {
  const { request, deps, sight, state } = following;
  if (state.uiJobId === null) return;
  const { files } = request;
  const result = await mirrorLog(deps.api, state.uiJobId, files.stdout, state.mirror, final);
  if (result.state !== state.mirror) save(following, { ...following.state, mirror: result.state });
  if (result.grew) sight.logGrew();
  for (const reason of result.gaps) tellOfGap(following, reason);
}

/** How often in a row a route may fail at a job's end before the end is told without it: five lost the last step of a server that failed one answer in five. */
const triesAtEnd = 10;

/** A route that fails by itself must not keep the rest from being told; at the end it is tried again, and then said to be missing. */
export async function unlessBroken(
  following: Following,
  what: "log" | "metrics",
  isOver: boolean,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
    following.broken[what] = 0;
  } catch (error) {
    if (!(error instanceof UiProblem) || error.kind === "unreachable") throw error;
    if (!isOver) return;
    following.broken[what] += 1;
    if (following.broken[what] < triesAtEnd) throw error;
    following.news.push({
      kind: "item",
      item: {
        kind: "gap",
        atMs: following.deps.time.now(),
        what,
        fromStep: null,
        toStep: null,
        reason: `The Web UI would not give it: ${error.message}`.slice(0, 200),
      },
    });
  }
}

export async function fetchMetrics(
  following: Following,
  after: number,
  final: boolean,
): Promise<void> {
  const { uiJobId } = following.state;
  if (uiJobId === null || following.request.training.elsewhere?.keepsMetrics !== true) return;
  const { metrics } = following;
  let isDone = await metrics.fetch(uiJobId, after, final);
  if (!final) return;
  // At the end all of it, however long the job was.
  while (!isDone) isDone = await metrics.fetch(uiJobId, metrics.lastStep() ?? after, final);
}

/** The rest of log and metrics from the disk that they lie on. */
export function readWhatIsHere(following: Following, look: FollowLook): void {
  const { state, request, metrics } = following;
  const place = following.place.look(state);
  if (place === null || state.trainingFolder === null || state.name === null) return;
  const log = openUiLog(place.root, state.name);
  if (log !== null) {
    try {
      const mirrored = mirrorFile(log.descriptor, request.files.stdout, state.mirror);
      save(following, { ...following.state, mirror: mirrored });
    } finally {
      log.close();
    }
  }
  const database = openMetricsDatabase(
    join(place.root, place.folder, "loss_log.db"),
    request.sinceWall ?? 0,
  );
  metrics.put(database.read(look.metricsStep, { final: true }));
  database.close();
}
