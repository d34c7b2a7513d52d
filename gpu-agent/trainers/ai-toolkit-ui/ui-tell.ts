import type { FollowedNews } from "../trainer.ts";
import type { Following } from "./ui-following.ts";
import type { UiProblem } from "./ui-server.ts";

export function leftRunning(atMs: number): FollowedNews {
  return {
    kind: "item",
    item: {
      kind: "alert",
      atMs,
      step: null,
      code: "UI_ROW_LEFT_RUNNING",
      severity: "warning",
      category: "errors",
      message:
        "The process is gone, but the Web UI still shows the job as running and starts nothing else on this GPU: mark it as stopped there.",
      evidence: { ui_status: "running" },
      guardrail: false,
    },
  };
}

export function tellOnce(
  following: Following,
  mark: "waitingTold" | "stoppingTold",
  news: FollowedNews,
): void {
  if (following[mark]) return;
  following[mark] = true;
  following.news.push(news);
}

export function tellOfGap(following: Following, reason: string): void {
  const atMs = following.deps.time.now();
  following.news.push({
    kind: "item",
    item: {
      kind: "gap",
      atMs,
      what: "log",
      fromStep: null,
      toStep: null,
      reason: reason.slice(0, 200),
    },
  });
}

export function tellOfDeletion(following: Following, isDeleted: boolean): void {
  if (!isDeleted || following.deletedTold) return;
  following.deletedTold = true;
  following.news.push({
    kind: "item",
    item: {
      kind: "alert",
      atMs: following.deps.time.now(),
      step: null,
      code: "UI_JOB_DELETED",
      severity: "warning",
      category: "errors",
      message:
        "The job was deleted in the Web UI, with its files, but its process still runs. stop-training ends it.",
      evidence: { pid: following.process.identity()?.pid ?? null },
      guardrail: false,
    },
  });
}

/** Said once when nobody answers, and once when somebody does again; the state stays what it was. */
export function tellOfSilence(following: Following, problem: UiProblem | null): void {
  const { rhythm, news, request } = following;
  if (problem === null) {
    if (!following.silenceTold) return;
    following.silenceTold = false;
    news.push({ kind: "facts", evidence: { server_unreachable: false } });
    return;
  }
  if (following.silenceTold || rhythm.failures() < 2) return;
  following.silenceTold = true;
  news.push({
    kind: "facts",
    evidence: {
      server_unreachable: true,
      server_problem: problem.message,
      server_last_answered_at: new Date(rhythm.answeredAtMs() ?? request.createdAtMs).toISOString(),
    },
  });
}
