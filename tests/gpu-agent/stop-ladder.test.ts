import { expect, test } from "vitest";
import {
  beginStop,
  climb,
  hastenStop,
  resumeStop,
  skipAsking,
} from "../../gpu-agent/jobs/stop-ladder.ts";
import type { LadderEffect, LadderFacts, StopLadder } from "../../gpu-agent/jobs/stop-ladder.ts";

const deadlines = { checkpointMs: 600, askMs: 50, interruptMs: 120, terminateMs: 15, killMs: 10 };
const calm: Omit<LadderFacts, "nowMs"> = {
  alive: true,
  saving: false,
  canSave: true,
  canAsk: false,
  canSignal: true,
  savesSeen: 0,
};

/** Runs the ladder on a clock of whole milliseconds and notes what it did when. */
function play(
  ladder: StopLadder,
  world: (nowMs: number) => Partial<Omit<LadderFacts, "nowMs">>,
  untilMs: number,
): [number, LadderEffect][] {
  const done: [number, LadderEffect][] = [];
  let state = ladder;
  for (let nowMs = 0; nowMs <= untilMs; nowMs += 1) {
    const step = climb(state, { ...calm, ...world(nowMs), nowMs }, deadlines);
    state = step.ladder;
    if (step.effect !== null) done.push([nowMs, step.effect]);
  }
  return done;
}

const at0 = { nowMs: 0, savesSeen: 0 };

test.each<[string, StopLadder, (nowMs: number) => Partial<LadderFacts>, [number, LadderEffect][]]>([
  [
    "a checkpoint first, then the interrupt as soon as it is there",
    beginStop("checkpoint", at0),
    (t) => ({ savesSeen: t >= 50 ? 1 : 0, alive: t < 60 }),
    [
      [0, "save"],
      [50, "interrupt"],
    ],
  ],
  [
    "a trainer that cannot save on request is interrupted at once",
    beginStop("checkpoint", at0),
    (t) => ({ canSave: false, alive: t < 5 }),
    [[0, "interrupt"]],
  ],
  ["now means no checkpoint", beginStop("now", at0), (t) => ({ alive: t < 5 }), [[0, "interrupt"]]],
  [
    "never while saving",
    beginStop("now", at0),
    (t) => ({ saving: t < 30, alive: t < 40 }),
    [[30, "interrupt"]],
  ],
  [
    "a save that never ends is bounded",
    beginStop("now", at0),
    (t) => ({ saving: true, alive: t < 610 }),
    [[600, "interrupt"]],
  ],
  [
    "a save request that is not answered is bounded",
    beginStop("checkpoint", at0),
    (t) => ({ alive: t < 610 }),
    [
      [0, "save"],
      [600, "interrupt"],
    ],
  ],
  [
    "deaf to everything: each step once, then the kill again and again",
    beginStop("now", at0),
    () => ({}),
    [
      [0, "interrupt"],
      [120, "terminate"],
      [135, "kill"],
      [145, "kill"],
    ],
  ],
  [
    "whoever understands it is asked first, and goes by itself",
    beginStop("now", at0),
    (t) => ({ canAsk: true, alive: t < 40 }),
    [[0, "ask"]],
  ],
  [
    "one that was asked and stays is interrupted, but never while saving",
    beginStop("now", at0),
    (t) => ({ canAsk: true, saving: t < 70, alive: t < 80 }),
    [
      [0, "ask"],
      [70, "interrupt"],
    ],
  ],
  [
    "a checkpoint, then the question",
    beginStop("checkpoint", at0),
    (t) => ({ canAsk: true, savesSeen: t >= 30 ? 1 : 0, alive: t < 35 }),
    [
      [0, "save"],
      [30, "ask"],
    ],
  ],
  ["nothing to a process that is gone", beginStop("now", at0), () => ({ alive: false }), []],
])("%s", (_name, ladder, world, expected) => {
  expect(play(ladder, world, Math.max(...expected.map(([at]) => at), 0) + 9)).toEqual(expected);
});

test("where nobody listens the question is not waited for", () => {
  const asked = climb(beginStop("now", at0), { ...calm, canAsk: true, nowMs: 0 }, deadlines).ladder;
  expect(climb(skipAsking(asked, 1), { ...calm, canAsk: true, nowMs: 1 }, deadlines).effect).toBe(
    "interrupt",
  );
});

test("a second stop only shortens", () => {
  const waiting = climb(beginStop("checkpoint", at0), { ...calm, nowMs: 0 }, deadlines).ladder;
  expect(hastenStop(waiting, "checkpoint", 5)).toBe(waiting);
  expect(climb(hastenStop(waiting, "now", 5), { ...calm, nowMs: 5 }, deadlines).effect).toBe(
    "interrupt",
  );
  const interrupted = climb(beginStop("now", at0), { ...calm, nowMs: 0 }, deadlines).ladder;
  expect(hastenStop(interrupted, "checkpoint", 5)).toBe(interrupted);
});

test("an agent that comes back stands on the same step and does not interrupt twice", () => {
  const interrupted = climb(beginStop("now", at0), { ...calm, nowMs: 0 }, deadlines).ladder;
  const stored = JSON.parse(JSON.stringify(interrupted)) as StopLadder;
  expect(play(resumeStop(stored, 0), (t) => ({ alive: t < 125 }), 200)).toEqual([
    [120, "terminate"],
  ]);
});
