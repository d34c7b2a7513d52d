import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AiToolkitReader,
  createAiToolkitReader,
  type LogEvent,
} from "../../../../shared/logs/ai-toolkit/ai-toolkit-reader.ts";
import { parseBar } from "../../../../shared/logs/bars/bar.ts";

interface LogCase {
  id: string;
  log: string;
  expect: {
    last_step: number | null;
    total_steps: number | null;
    last_loss: number | null;
    last_lr: number | null;
    last_speed_it_s: number | null;
  };
}

const fixtures = readFileSync(
  new URL("../../../fixtures/logs/ai-toolkit-local-runs.jsonl", import.meta.url),
  "utf8",
)
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as LogCase);

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function readAll(log: string, jobName: string): LogEvent[] {
  const reader = createAiToolkitReader({ jobName });
  return [...reader.push("stderr", encode(log)), ...reader.end()];
}

const losses = (events: readonly LogEvent[]): [number, number][] =>
  events.flatMap((event) => (event.kind === "barLoss" ? [[event.step, event.loss]] : []));

const kinds = (events: readonly LogEvent[], ...wanted: LogEvent["kind"][]): LogEvent[] =>
  events.filter(({ kind }) => wanted.includes(kind));

const phases = (events: readonly LogEvent[]): string[] =>
  events.flatMap((event) => (event.kind === "phase" ? [event.phase] : []));

/** The header names the job; where the fixture left it out, the last bar that is no library's does. */
function jobNameOf(log: string): string {
  const header = /^# Running job: (.*)$/m.exec(log)?.[1];
  const labels = [...log.matchAll(/^(.+?): +\d+%\|[^|]*\| \d+\/\d+ \[/gm)].map(
    ([, label]) => label,
  );
  return (
    header ??
    labels.findLast((label) => !/^(?:Loading|Generating|Caching)/.test(label ?? "")) ??
    "none"
  );
}

/** Two processes draw the same bar into this one: their steps cannot be told apart. */
const interleaved = new Set(["log-c85c2e89c7"]);

describe("real runs of ai-toolkit", () => {
  it("are here", () => {
    expect(fixtures.length).toBeGreaterThan(60);
  });

  it.each(fixtures.map((fixture) => [fixture.id, fixture] as const))("%s", (_id, fixture) => {
    const name = jobNameOf(fixture.log);
    const events = readAll(fixture.log, name);
    const progress = kinds(events, "progress").at(-1);
    const loss = kinds(events, "barLoss").at(-1);
    const bars = fixture.log.split(/[\r\n]/).flatMap((line) => parseBar(line, name) ?? []);
    const speed = bars.findLast(({ stepsPerSecond }) => stepsPerSecond !== null)?.stepsPerSecond;

    expect({
      last_step: progress?.kind === "progress" ? progress.currentStep : null,
      total_steps: progress?.kind === "progress" ? progress.totalSteps : null,
      // The label is what the bar prints for NaN.
      last_loss: loss?.kind === "barLoss" ? (Number.isNaN(loss.loss) ? 0 : loss.loss) : null,
      last_lr: loss?.kind === "barLoss" ? loss.lr : null,
      last_speed_it_s: speed === undefined || speed === null ? null : Number(speed.toFixed(6)),
    }).toEqual({
      last_step: fixture.expect.last_step,
      total_steps: fixture.expect.total_steps,
      last_loss: fixture.expect.last_loss,
      last_lr: fixture.expect.last_lr,
      last_speed_it_s: fixture.expect.last_speed_it_s,
    });
  });

  it.each(fixtures.map((fixture) => [fixture.id, fixture] as const))(
    "%s reads the same with carriage returns, and has each step at most once",
    (_id, fixture) => {
      const name = jobNameOf(fixture.log);
      // The fixtures hold newlines where tqdm wrote carriage returns.
      const redrawn = fixture.log.replace(/\n(?=[^\n]*\d%\|)/g, "\r");
      const [plain, drawn] = [readAll(fixture.log, name), readAll(redrawn, name)];

      expect(losses(drawn)).toEqual(losses(plain));
      if (interleaved.has(fixture.id)) return;
      const steps = losses(plain).map(([step]) => step);
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    },
  );
});

/** One whole run as stderr and stdout draw it into one file, with everything that a parser trips over. */
const merged = [
  "Running 1 job\n",
  '{\n    "sample": {\n        "prompts": [\n            "Error running job: loss is nan"\n        ]\n    }\n}\n',
  `\n${"#".repeat(45)}\n# Running job: art|50%: v1\n${"#".repeat(45)}\n\n\nRunning  1 process\n`,
  "\rLoading weights:   0%|          | 0/36 [00:00<?, ?it/s]\u001b[A\rLoading weights: 100%|██████████| 36/36 [00:00<00:00, 3069.75it/s]\n",
  "Dataset: /data/损失\n  -  Found 5 images\nCaching latents for /data/损失\n",
  "\rCaching latents to disk:  20%|██        | 1/5 [00:00<00:01, 3.00it/s]\n",
  "Generating baseline samples before training\n",
  "\rGenerating Images:   0%|          | 0/2 [00:00<?, ?it/s]\rGenerating Images:  50%|█████     | 1/2 [00:00<00:00,  6.66it/s]\u001b[A\n",
  "\rart|50%: v1:   0%|          | 0/5 [00:00<?, ?it/s]",
  "\rart|50%: v1:   0%|          | 0/5 [00:01<?, ?it/s, lr: 1.0e-04 loss: 1.000e+00]",
  "\rart|50%: v1:  20%|██        | 1/5 [00:01<00:04,  1.00it/s, lr: 1.0e-04 loss: 1.000e+00]",
  "\rart|50%: v1:  20%|██        | 1/5 [00:01<00:04,  1.00it/s, lr: 1.0e-04 loss: 1.000e+00]",
  "\rart|50%: v1:  40%|████      | 2/5 [00:02<00:03,  1.00it/s, lr: 1.0e-04 loss: 1.000e+00]loss is nan\n",
  "\rart|50%: v1:  40%|████      | 2/5 [00:02<00:03,  1.00it/s, lr: 1.0e-04 loss: 0.000e+00]",
  "\n\nSaving at step 2\nSaved checkpoint to /out/art|50%: v1/art|50%: v1_000000002.safetensors\nSaved optimizer to /out/optimizer.pt\nRemoving old save: /out/art|50%: v1/art|50%: v1_000000001.safetensors\n",
  "\n\rGenerating Images: 100%|██████████| 2/2 [00:00<00:00,  6.66it/s]\u001b[A\r   \u001b[A\n",
  "\rart|50%: v1:  60%|██████    | 3/5 [00:03<00:02,  2.00it/s, lr: 1.0e-04 loss: 5.000e-01]",
  "\rart|50%: v1:  80%|████████  | 4/5 [00:03<00:02,  2.00it/s, lr: 1.0e-04 loss: 5.000e-01]",
  "\rart|50%: v1:  80%|████████  | 4/5 [00:03<00:02,  2.00it/s, lr: 9.0e-05 loss: 2.500e-01]",
  "\rart|50%: v1: 100%|██████████| 5/5 [00:04<00:00,  2.50it/s, lr: 9.0e-05 loss: 2.500e-01]",
  "\rart|50%: v1: 100%|██████████| 5/5 [00:04<00:00,  1.25it/s, lr: 9.0e-05 loss: 2.500e-01]\n",
  "Saved checkpoint to /out/art|50%: v1/art|50%: v1.safetensors\n\n",
].join("");
const mergedName = "art|50%: v1";

describe("createAiToolkitReader", () => {
  it("[W28] reads a whole run", () => {
    const events = readAll(merged, mergedName);

    expect(losses(events)).toEqual([
      [0, 1],
      [1, 1],
      [2, Number.NaN],
      [3, 0.5],
      [4, 0.25],
    ]);
    expect(phases(events)).toEqual([
      "loading",
      "caching",
      "sampling",
      "training",
      "saving",
      "sampling",
      "training",
    ]);
    expect(kinds(events, "save", "savingStarted", "pruned", "errorLine", "nan")).toEqual([
      { kind: "nan", step: null },
      { kind: "savingStarted", step: 2 },
      {
        kind: "save",
        step: 2,
        path: "/out/art|50%: v1/art|50%: v1_000000002.safetensors",
        final: false,
      },
      { kind: "pruned", path: "/out/art|50%: v1/art|50%: v1_000000001.safetensors" },
      {
        kind: "save",
        step: null,
        path: "/out/art|50%: v1/art|50%: v1.safetensors",
        final: true,
      },
    ]);
    expect(kinds(events, "progress").at(-1)).toEqual({
      kind: "progress",
      currentStep: 5,
      totalSteps: 5,
      stepsPerSecond: 2.5,
      remainingSeconds: 0,
    });
  });

  it("gives the same events wherever the bytes are cut and the state is saved", () => {
    const bytes = encode(merged);
    const expected = readAll(merged, mergedName);

    for (let cut = 0; cut <= bytes.length; cut++) {
      const first = createAiToolkitReader({ jobName: mergedName });
      const before = first.push("stderr", bytes.subarray(0, cut));
      const second = restored(first, mergedName);
      expect([...before, ...second.push("stderr", bytes.subarray(cut)), ...second.end()]).toEqual(
        expected,
      );
    }
  });

  it("gives the same events byte by byte, for the real runs too", () => {
    for (const { log } of [{ log: merged }, ...fixtures]) {
      const name = log === merged ? mergedName : jobNameOf(log);
      const bytes = encode(log);
      const reader = createAiToolkitReader({ jobName: name });
      const events: LogEvent[] = [];
      for (let at = 0; at < bytes.length; at++) {
        events.push(...reader.push("stderr", bytes.subarray(at, at + 1)));
      }
      expect([...events, ...reader.end()]).toEqual(readAll(log, name));
    }
  });

  it("goes on from a state saved at any cuts of the real runs", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: fixtures.length - 1 }),
        fc.array(fc.nat({ max: 9_000 }), { maxLength: 6 }),
        (index, cuts) => {
          const log = fixtures[index]?.log ?? "";
          const name = jobNameOf(log);
          const bytes = encode(log);
          let reader = createAiToolkitReader({ jobName: name });
          const events: LogEvent[] = [];
          let from = 0;
          for (const cut of cuts.map((c) => Math.min(c, bytes.length)).sort((a, b) => a - b)) {
            events.push(...reader.push("stderr", bytes.subarray(from, cut)));
            reader = restored(reader, name);
            from = cut;
          }
          events.push(...reader.push("stderr", bytes.subarray(from)), ...reader.end());
          expect(events).toEqual(readAll(log, name));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("adds nothing for the repaint after a traceback", () => {
    const events = readAll(
      "\rj:  20%|██        | 8/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: 9.0e-01]" +
        "\rj:  22%|██        | 9/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: 9.0e-01]\n" +
        'Traceback (most recent call last):\n  File "run.py", line 1, in <module>\n    x\nRuntimeError: boom\n' +
        "\rj:  22%|██        | 9/40 [00:07<00:24,  1.30it/s, lr: 1.0e-04 loss: 9.0e-01]\n",
      "j",
    );

    expect(losses(events)).toEqual([[8, 0.9]]);
    expect(kinds(events, "traceback")).toEqual([
      { kind: "traceback", lastLine: "RuntimeError: boom" },
    ]);
    expect(kinds(events, "progress").at(-1)).toMatchObject({
      currentStep: 9,
      stepsPerSecond: 6.67,
    });
  });

  it("gives an equal loss to the index whose second redraw was left out", () => {
    const redraw = (count: number): string =>
      `\rj:  20%|██        | ${count}/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: 9.0e-01]`;

    const events = readAll([0, 1, 1, 2, 3, 4].map(redraw).join("") + "\r", "j");

    expect(losses(events)).toEqual([
      [0, 0.9],
      [1, 0.9],
      [2, 0.9],
      [3, 0.9],
    ]);
  });

  it("names the step of a NaN whose line came after the bar, from the other stream", () => {
    const reader = createAiToolkitReader({ jobName: "j" });
    reader.push(
      "stderr",
      encode("\rj:   0%|   | 0/9 [00:00<?, ?it/s, lr: 1.0e-04 loss: 0.000e+00]\r"),
    );

    expect(reader.push("stdout", encode("loss is nan\n"))).toEqual([{ kind: "nan", step: 0 }]);
  });

  it("gives a step that ran out of memory no loss", () => {
    const redraw = (count: number, loss: string): string =>
      `\rj:  20%|██        | ${count}/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: ${loss}]`;

    const events = readAll(
      `${redraw(0, "9.0e-01")}${redraw(1, "9.0e-01")}\n\n${"#".repeat(48)}\n` +
        `# OOM during training step, skipping batch 1/3 #\n${"#".repeat(48)}\n\n` +
        `${redraw(2, "9.0e-01")}${redraw(2, "8.0e-01")}${redraw(3, "8.0e-01")}\r`,
      "j",
    );

    expect(losses(events)).toEqual([
      [0, 0.9],
      [2, 0.8],
    ]);
    expect(kinds(events, "oomSkipped")).toEqual([{ kind: "oomSkipped", n: 1 }]);
  });

  it("sees the stop marker only as the toolkit prints it", () => {
    const rule = "=".repeat(40);

    expect(readAll(`\n${rule}\nJob stopped\n${rule}\n`, "j")).toEqual([{ kind: "stopMarker" }]);
    expect(readAll("a caption\nJob stopped\n", "j")).toEqual([]);
    // Asked through its table, it says so as if it had failed.
    expect(readAll("Error running job: Job stopped\n", "j")).toEqual([{ kind: "stopMarker" }]);
    expect(readAll("Error running job: Job stopped by a dog\n", "j")).toEqual([
      { kind: "errorLine", text: "Job stopped by a dog" },
    ]);
  });

  it("tells where a job resumed and from which step", () => {
    const events = readAll(
      "#### IMPORTANT RESUMING FROM /out/j/j_000000250.safetensors ####\nLoading from x\nMissing keys: []\nFound step 250 in metadata, starting from there\n\rj:   2%|▏         | 250/12000 [00:00<?, ?it/s]\r",
      "j",
    );

    expect(kinds(events, "resumed", "progress")).toEqual([
      { kind: "resumed", path: "/out/j/j_000000250.safetensors", step: null },
      { kind: "resumed", path: "/out/j/j_000000250.safetensors", step: 250 },
      {
        kind: "progress",
        currentStep: 250,
        totalSteps: 12_000,
        stepsPerSecond: null,
        remainingSeconds: null,
      },
    ]);
  });

  it.each([
    ["/out/j/j_000000250.safetensors", 250, false],
    ["/out/j/j.safetensors", null, true],
    ["C:\\out\\j\\j.safetensors", null, true],
    ["/out/j/zxq_000000250.safetensors", 250, false],
  ])("reads the checkpoint %s as step %s, final %s", (path, step, final) => {
    expect(readAll(`Saved checkpoint to ${path}\n`, "j")).toEqual([
      { kind: "save", step, path, final },
    ]);
  });

  it("knows the tiny trainer's first line", () => {
    expect(readAll("Trainyard tiny trainer 0.1.0, CPU\n", "j")).toEqual([
      { kind: "trainerNamed", text: "Trainyard tiny trainer 0.1.0, CPU" },
      { kind: "phase", phase: "loading" },
    ]);
  });

  it("takes words that belong to others for nothing", () => {
    const events = readAll(
      "INFO zoom banana nan inf\nthe loss is nan\n  Error running job: x\nprompt: Saving at step 3\nSaving at step three\n" +
        "Generating Samples: not a bar\njob2:  20%|██ | 8/40 [00:01<00:04,  6.67it/s, lr: 1.0e-04 loss: 9.0e-01]\n",
      "j",
    );

    expect(events).toEqual([]);
  });

  it("shows the bar that has no separator yet and stays as it was", () => {
    const reader = createAiToolkitReader({ jobName: "j" });
    reader.push(
      "stderr",
      encode("\rj:  25%|██  | 1/4 [00:10<00:30, 10.00s/it, lr: 1.0e-04 loss: 1.0e+00]"),
    );
    const before = JSON.stringify(reader.state());

    expect(reader.peek()).toMatchObject({ currentStep: 1, totalSteps: 4, stepsPerSecond: 0.1 });
    expect(JSON.stringify(reader.state())).toBe(before);
  });

  it("reads nothing in the middle of an overlong run", () => {
    const reader = createAiToolkitReader({ jobName: "j" });
    const events = reader.push(
      "stdout",
      encode(`${"x".repeat(65_536)}Error running job: x\nloss is nan\n`),
    );

    expect(events).toEqual([{ kind: "nan", step: null }]);
  });

  it("never throws on garbage", () => {
    const words = fc.constantFrom(
      "j: ",
      " 8%|",
      "| 1/12 [00:00<00:02, 4.07it/s, lr: 1 loss: ",
      "]",
      "\r",
      "\n",
      "{\n",
      "}\n",
      "loss is nan",
      "Saving at step 9",
      "Traceback (most recent call last):\n",
      "Generating Samples: ",
      "\u001b[A",
      "=".repeat(40),
      "Job stopped",
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(words, fc.string({ unit: "binary" }))),
        fc.uint8Array(),
        (parts, tail) => {
          const reader = createAiToolkitReader({ jobName: "j" });
          reader.push("stdout", encode(parts.join("")));
          reader.push("stderr", tail);
          reader.peek();
          reader.end();
          JSON.stringify(reader.state());
        },
      ),
    );
  });
});

function restored(reader: AiToolkitReader, jobName: string): AiToolkitReader {
  return createAiToolkitReader({ jobName, state: JSON.parse(JSON.stringify(reader.state())) });
}
