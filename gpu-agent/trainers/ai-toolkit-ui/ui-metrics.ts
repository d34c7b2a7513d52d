import type { MetricRow, MetricsSource } from "../../jobs/metrics-db.ts";
import type { UiApi } from "./ui-api.ts";
import { keysToAsk, lossKey, mergeLosses } from "./ui-losses.ts";

/** Questions for one key at one look; the rest follows with the next. */
const pagesAtOnce = 4;

/** The UI's loss route as a source of metrics: fetched with `fetch`, handed over with `read`. */
export interface UiMetrics extends MetricsSource {
  /** Rows above the step. True when there is nothing more to fetch. Throws UiProblem. */
  fetch(uiJobId: string, after: number, final: boolean): Promise<boolean>;
  /** Rows that were read elsewhere. */
  put(rows: readonly MetricRow[]): void;
  /** Of everything fetched so far, handed over or not; null before the first. */
  lastStep(): number | null;
  /** Newest time of what was fetched, seconds of the trainer's clock. */
  lastWall(): number | null;
}

export function createUiMetrics(api: Pick<UiApi, "losses">, sinceWall: number | null): UiMetrics {
  let waiting: MetricRow[] = [];
  let keys: readonly string[] = [lossKey];
  let held: number | null = null;
  let lastWall: number | null = null;
  let lastStep: number | null = null;

  const put = (rows: readonly MetricRow[]): void => {
    waiting.push(...rows);
    for (const { step, wallSeconds } of rows) {
      lastStep = Math.max(lastStep ?? 0, step);
      if (wallSeconds !== undefined) lastWall = Math.max(lastWall ?? 0, wallSeconds);
    }
  };

  return {
    async fetch(uiJobId, after, final) {
      let since = after;
      for (let page = 0; page < pagesAtOnce; page += 1) {
        const first = await api.losses(uiJobId, lossKey, since);
        keys = keysToAsk(first.keys);
        const answers = [first];
        for (const key of keys.slice(1)) answers.push(await api.losses(uiJobId, key, since));
        const merged = mergeLosses(answers, { held, final, sinceWall });
        held = merged.held;
        put(merged.rows);
        if (!merged.more) return true;
        since = merged.reach;
      }
      return false;
    },
    put,
    lastStep: () => lastStep,
    lastWall: () => lastWall,
    read(after) {
      const rows = waiting.filter(({ step }) => step > after);
      waiting = [];
      return rows;
    },
    close: () => undefined,
  };
}
