import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  frameAcked,
  frameSent,
  mayFrame,
  resumeSender,
  rewound,
} from "@trainyard/shared/protocol/stream-sender.ts";
import { receiveFrame } from "@trainyard/shared/protocol/stream-receiver.ts";

describe("receiving a frame", () => {
  it.each([
    ["[R1] the next frame is applied", 4, 5, 3, { kind: "apply", skip: 0, upTo: 7 }],
    [
      "[R2] what is known of an overlapping frame is skipped",
      4,
      3,
      4,
      { kind: "apply", skip: 2, upTo: 6 },
    ],
    [
      "[R3] a frame that brings nothing new is acknowledged again",
      9,
      3,
      4,
      { kind: "duplicate", upTo: 9 },
    ],
    ["[R4] a hole is answered with the missing number", 4, 6, 1, { kind: "hole", expected: 5 }],
    ["an empty frame brings nothing", 4, 5, 0, { kind: "duplicate", upTo: 4 }],
  ] as const)("%s", (_name, acked, from, count, expected) => {
    expect(receiveFrame(acked, from, count)).toEqual(expected);
  });
});

/**
 * Both ends under one scheduler: a link that loses, repeats, reorders and cuts, a receiver that crashes before it commits,
 * a sender that crashes and reads its spool again. What arrives must be what was written, once, in order.
 */
interface World {
  readonly spool: string[];
  readonly committed: string[];
}

type Event =
  | { kind: "append" }
  | { kind: "pump" }
  | { kind: "deliver-frame"; pick: number; keep: boolean }
  | { kind: "deliver-answer"; pick: number; keep: boolean }
  | { kind: "lose-frame"; pick: number }
  | { kind: "lose-answer"; pick: number }
  | { kind: "reconnect" };

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Event>({ kind: "append" }) },
  { weight: 4, arbitrary: fc.constant<Event>({ kind: "pump" }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("deliver-frame" as const),
      pick: fc.nat(),
      keep: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("deliver-answer" as const),
      pick: fc.nat(),
      keep: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose-frame" as const), pick: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("lose-answer" as const), pick: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.constant<Event>({ kind: "reconnect" }) },
);

function simulate(events: readonly Event[]): World {
  const world: World = { spool: [], committed: [] };
  let sender = resumeSender(0);
  let frames: { from: number; items: string[] }[] = [];
  let answers: { kind: "ack" | "nack"; number: number }[] = [];
  const take = <Entry>(list: Entry[], pick: number, keep: boolean): Entry | undefined => {
    if (list.length === 0) return undefined;
    const at = pick % list.length;
    return keep ? list[at] : list.splice(at, 1)[0];
  };
  const pump = (): void => {
    while (mayFrame(sender, world.spool.length, { windowFrames: 3 })) {
      const from = sender.sent + 1;
      const items = world.spool.slice(sender.sent, sender.sent + 2);
      frames.push({ from, items });
      sender = frameSent(sender, from + items.length - 1);
    }
  };
  const deliverFrame = (frame: { from: number; items: string[] } | undefined): void => {
    if (frame === undefined) return;
    const reception = receiveFrame(world.committed.length, frame.from, frame.items.length);
    if (reception.kind === "hole") answers.push({ kind: "nack", number: reception.expected });
    else {
      if (reception.kind === "apply") world.committed.push(...frame.items.slice(reception.skip));
      answers.push({ kind: "ack", number: world.committed.length });
    }
  };
  const deliverAnswer = (answer: { kind: "ack" | "nack"; number: number } | undefined): void => {
    if (answer === undefined) return;
    sender =
      answer.kind === "ack" ? frameAcked(sender, answer.number) : rewound(sender, answer.number);
  };
  const reconnect = (): void => {
    frames = [];
    answers = [];
    sender = resumeSender(world.committed.length);
  };
  for (const next of events) {
    switch (next.kind) {
      case "append":
        world.spool.push(`item ${world.spool.length + 1}`);
        break;
      case "pump":
        pump();
        break;
      case "deliver-frame":
        deliverFrame(take(frames, next.pick, next.keep));
        break;
      case "deliver-answer":
        deliverAnswer(take(answers, next.pick, next.keep));
        break;
      case "lose-frame":
        take(frames, next.pick, false);
        break;
      case "lose-answer":
        take(answers, next.pick, false);
        break;
      case "reconnect":
        reconnect();
        break;
    }
    expect(world.committed).toEqual(world.spool.slice(0, world.committed.length));
    expect(sender.acked).toBeLessThanOrEqual(world.committed.length);
  }
  // The fault ends: one clean session brings everything over.
  reconnect();
  for (let turn = 0; turn < world.spool.length + 2; turn += 1) {
    pump();
    deliverFrame(frames.shift());
    deliverAnswer(answers.shift());
  }
  return world;
}

describe("one durable stream over a bad link", () => {
  it("[S1] delivers every item once and in order, whatever the link did", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const world = simulate(events);

        expect(world.committed).toEqual(world.spool);
      }),
      { numRuns: 2_000 },
    );
  });

  it("[S2] the window bounds what is in flight", () => {
    let state = resumeSender(0);
    let sent = 0;
    while (mayFrame(state, 100, { windowFrames: 4 })) {
      sent += 10;
      state = frameSent(state, sent);
    }

    expect(sent).toBe(40);
    expect(mayFrame(frameAcked(state, 10), 100, { windowFrames: 4 })).toBe(true);
  });
});
