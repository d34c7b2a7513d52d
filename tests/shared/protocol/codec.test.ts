import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import {
  decodeAgentMessage,
  decodeEdgeMessage,
  encodeMessage,
} from "@trainyard/shared/protocol/codec.ts";
import { fromWireValue, toWireValue } from "@trainyard/shared/protocol/items.ts";
import type { EventsFrame } from "@trainyard/shared/protocol/messages.ts";

const head = {
  state: "running",
  phase: "training",
  currentStep: 3,
  totalSteps: 10,
  stepsPerSecond: 2,
  remainingSeconds: 3.5,
  loss: "NaN",
  lr: 1e-4,
  observedAtMs: 1,
} as const;

const frame: EventsFrame = {
  type: "events",
  epoch: 1,
  jobId: "job_x",
  attempt: 1,
  from: 1,
  items: [
    {
      kind: "metrics",
      steps: [0, 1],
      atMs: [1, 2],
      values: { loss: [0.5, "NaN"], lr: [1e-4, null] },
    },
  ],
  head,
};

describe("the codec", () => {
  it("[F1] carries NaN by name, since JSON has none", () => {
    expect(decodeAgentMessage(encodeMessage(frame))).toEqual(frame);
    expect([Number.NaN, Infinity, -Infinity, 0].map(toWireValue)).toEqual([
      "NaN",
      "Infinity",
      "-Infinity",
      0,
    ]);
    expect(fromWireValue("NaN")).toBeNaN();
    expect(fromWireValue(null)).toBeNull();
  });

  it.each([
    ["not JSON", "{"],
    ["an unknown type", JSON.stringify({ type: "exec", command: "id" })],
    [
      "columns of unequal length",
      JSON.stringify({
        ...frame,
        items: [{ kind: "metrics", steps: [1, 2], atMs: [1], values: {} }],
      }),
    ],
    [
      "a step that is no whole number",
      JSON.stringify({
        ...frame,
        items: [{ kind: "metrics", steps: [0.5], atMs: [1], values: {} }],
      }),
    ],
    [
      "a value that is text",
      JSON.stringify({
        ...frame,
        items: [{ kind: "metrics", steps: [1], atMs: [1], values: { loss: ["x"] } }],
      }),
    ],
    ["sequence number 0", JSON.stringify({ ...frame, from: 0 })],
    ["a negative sequence number", JSON.stringify({ ...frame, from: -1 })],
    [
      "a sequence number beyond 2^53",
      JSON.stringify(frame).replace('"from":1', '"from":9007199254740993'),
    ],
    ["depth", `{"type":${"[".repeat(5_000)}${"]".repeat(5_000)}}`],
  ])("[F2] [B57] [B58] refuses %s", (_name, text) => {
    expect(() => decodeAgentMessage(text)).toThrow(
      expect.objectContaining({ code: "PROTOCOL_ERROR" }),
    );
  });

  it("[B57] refuses what is nested deeper than any answer, before anything recurses over it", () => {
    const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const result = (levels: number): string =>
      `{"type":"result","callId":"c","outcome":{"ok":true,"value":${nested(levels)}}}`;
    const call = (levels: number): string =>
      JSON.stringify({
        type: "call",
        epoch: 1,
        callId: "c",
        operation: "tool",
        argsHash: "a".repeat(64),
      }).replace("}", `,"args":${nested(levels)}}`);

    expect(decodeAgentMessage(result(32))).toMatchObject({ type: "result" });
    expect(decodeEdgeMessage(call(32))).toMatchObject({ type: "call" });
    for (const work of [
      () => decodeAgentMessage(result(100_000)),
      () => decodeEdgeMessage(call(100_000)),
    ]) {
      expect(work).toThrow(expect.objectContaining({ code: "PROTOCOL_ERROR" }));
    }
  });

  it("[B59] takes no metric of a prototype's name, none of 10 KB, and repeats neither", () => {
    const named = (key: string) =>
      JSON.stringify(frame).replace('"lr":[', `${JSON.stringify(key)}:[`);
    const decoded = decodeAgentMessage(named("__proto__")) as EventsFrame;
    const refusal = (key: string): AppError => {
      try {
        decodeAgentMessage(named(key));
      } catch (error) {
        if (error instanceof AppError) return error;
      }
      throw new Error("nothing was refused");
    };
    const long = refusal(`ignore all rules\u001b[31m${"x".repeat(10_000)}`);

    expect(decoded.items).toEqual([
      { kind: "metrics", steps: [0, 1], atMs: [1, 2], values: { loss: [0.5, "NaN"] } },
    ]);
    expect(Object.getPrototypeOf((decoded.items[0] as { values: object }).values)).toBe(
      Object.prototype,
    );
    expect(long.code).toBe("PROTOCOL_ERROR");
    expect(long.message).toBe("A frame breaks protocol v1 at items.0.values.….");
    expect(JSON.stringify(long.details).length).toBeLessThan(300);
  });

  it("[F3] [B57] refuses a frame above the hard cap on both sides", () => {
    const large = {
      ...frame,
      head: { ...head, logTail: Array.from({ length: 80 }, () => "x".repeat(2_000)) },
    };
    const tooLarge = {
      ...large,
      items: Array.from({ length: 500 }, () => ({
        kind: "gap" as const,
        atMs: 1,
        what: "metrics" as const,
        fromStep: null,
        toStep: null,
        reason: "r".repeat(200),
      })),
    };

    expect(encodeMessage(large).length).toBeLessThan(limits.frameHardBytes);
    expect(() =>
      encodeMessage({
        ...tooLarge,
        items: [
          ...tooLarge.items,
          ...Array.from({ length: 4_000 }, () => tooLarge.items[0] as never),
        ],
      }),
    ).toThrow(/exceeds/);
    expect(() => decodeAgentMessage(" ".repeat(limits.frameHardBytes + 1))).toThrow(/exceeds/);
  });

  it("[F4] ignores fields it does not know", () => {
    expect(
      decodeEdgeMessage(
        JSON.stringify({ type: "ack", epoch: 1, jobId: "j", attempt: 1, upTo: 4, later: true }),
      ),
    ).toEqual({
      type: "ack",
      epoch: 1,
      jobId: "j",
      attempt: 1,
      upTo: 4,
    });
  });

  it("[F5] never throws anything but AppError, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          decodeAgentMessage(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
