import { describe, expect, it } from "vitest";
import {
  createAiToolkitReader,
  type LogEvent,
} from "../../../../shared/logs/ai-toolkit/ai-toolkit-reader.ts";

/** What the scripts of a language-model project print, as a real run of a tiny model printed it. */
function read(stdout: string, stderr = ""): LogEvent[] {
  const reader = createAiToolkitReader({ jobName: "run-1" });
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  return [
    ...reader.push("stderr", encode(stderr)),
    ...reader.push("stdout", encode(stdout)),
    ...reader.end(),
  ];
}

describe("the lines of a language-model run", () => {
  it("give every number of a step, under the index of the step that was made", () => {
    const [event] = read(
      "{'loss': 5.664530277252197, 'grad_norm': 0.4040674567222595, 'learning_rate': 0.008888888888888889, 'epoch': 0.25, 'eval_loss': 5.628251552581787, 'tokens_per_second': 474.0, 'step': 5}\n",
    );

    expect(event).toEqual({
      kind: "metrics",
      step: 4,
      values: new Map([
        ["grad_norm", 0.4040674567222595],
        ["eval_loss", 5.628251552581787],
        ["tokens_per_second", 474],
        ["loss", 5.664530277252197],
        ["lr", 0.008888888888888889],
      ]),
    });
  });

  it("keep a loss that is no number", () => {
    const [event] = read("{'loss': nan, 'grad_norm': nan, 'learning_rate': 1e-05, 'step': 7}\n");

    expect(event).toMatchObject({ kind: "metrics", step: 6 });
    expect(event?.kind === "metrics" ? event.values.get("loss") : null).toBeNaN();
  });

  it("say where a run goes on, what is saved, and that it was stopped", () => {
    expect(
      read(
        `Resuming from checkpoint-30 at step 50\nSaving at step 60\nSaved checkpoint to /x/stage2/checkpoints/checkpoint-40\n${"=".repeat(40)}\nJob stopped\n`,
      ),
    ).toEqual([
      { kind: "resumed", path: "checkpoint-30", step: 50 },
      { kind: "savingStarted", step: 60 },
      { kind: "phase", phase: "saving" },
      { kind: "save", step: 60, path: "/x/stage2/checkpoints/checkpoint-40", final: false },
      { kind: "stopMarker" },
    ]);
  });

  it("leave progress to the bar, which counts all stages", () => {
    expect(
      read("", "\rrun-1:  40%|████      | 20/50 [00:10<00:15,  1.97it/s]\r").find(
        ({ kind }) => kind === "progress",
      ),
    ).toMatchObject({ currentStep: 20, totalSteps: 50, stepsPerSecond: 1.97 });
  });

  it("are none without a step, and none of another trainer's dicts", () => {
    expect(read("{'train_runtime': 10.0, 'train_loss': 2.0}\n{'loss': 'x', 'step': 3}\n")).toEqual(
      [],
    );
    expect(read('{"loss": 2.0, "step": 3}\n')).toEqual([]);
  });
});
