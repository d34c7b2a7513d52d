import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  analyzeLog,
  createLogReader,
  type LogReaderState,
} from "../../../shared/logs/log-reader.ts";
import { logTools } from "../../../shared/logs/log-report.ts";
import { seededRandom } from "../../../shared/logs/synthetic/seeded-random.ts";

const folder = new URL("../../fixtures/logs/", import.meta.url);
const corpus = readdirSync(folder)
  .filter((name) => name.endsWith(".jsonl"))
  .flatMap((name) => readFileSync(new URL(name, folder), "utf8").trim().split("\n"))
  .map((line) => JSON.parse(line) as { id: string; log: string });

const seed = Number(process.env["LOG_SEED"] ?? Date.now() % 2 ** 31);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const savedAndLoaded = (state: LogReaderState): LogReaderState =>
  JSON.parse(JSON.stringify(state)) as LogReaderState;

/** Read in two parts, with the state through JSON in between as an agent keeps it. */
function readCutAt(bytes: Uint8Array, at: number) {
  const first = createLogReader();
  first.push(bytes.subarray(0, at));
  const second = createLogReader({ state: savedAndLoaded(first.state()) });
  second.push(bytes.subarray(at));
  return second.report();
}

describe("a cut", () => {
  it("changes nothing at any byte of a small log with everything in it", () => {
    const log = [
      "# Running job: 花 50%| x\r\n",
      "\u001b[31mLoading model\u001b[0m\nFetching 3 files:  33%|###   | 1/3 [00:00<00:01,  1.51it/s]\r",
      "花 50%| x:   0%|          | 0/4 [00:00<?, ?it/s]\r",
      "花 50%| x:  25%|██▌       | 1/4 [00:01<00:03,  1.00s/it, lr: 1.0e-04 loss: 1.500e-01]loss is nan\n",
      "{'loss': 1.5, 'learning_rate': 1e-05}\nIter 3: Train loss 1.0, Learning Rate 1.000e-05, It/sec 2.0\n",
      "2026-01-02 10:00:00 [INFO] Studio: Traceback (most recent call last):\n",
      '2026-01-02 10:00:01 [INFO] Studio:   File "/workspace/a.py", line 3, in x\n',
      "2026-01-02 10:00:02 [INFO] Studio: PIL.UnidentifiedImageError: cannot identify image file 'ü.jpg'\n",
      "花 50%| x:  50%|█████     | 2/4 [00:02<00:02,  1.00s/it, lr: 1.0e-04 loss: 1.400e-01]\r",
      "花 50%| x: 100%|██████████| 4/4 [00:04<00:00,  1.00s/it, lr: 1.0e-04 loss: 1.400e-01]\n",
      "Traceback (most recent call last):\n  File \"/workspace/a.py\", line 3, in x\nKeyError: 'loss'",
    ].join("");
    const bytes = bytesOf(log);
    const whole = analyzeLog(bytes);

    expect(whole).toMatchObject({ outcome: "failed", lastStep: 4, totalSteps: 4, nanCount: 1 });
    for (let at = 0; at <= bytes.length; at++) {
      expect(readCutAt(bytes, at), `cut at ${at}`).toEqual(whole);
    }
  });

  it(`changes nothing at sampled bytes of real logs (LOG_SEED=${seed})`, () => {
    const seeded = seededRandom(seed);
    const random = (): number => seeded.uniform();
    for (const { id, log } of corpus) {
      const bytes = bytesOf(log);
      const whole = analyzeLog(bytes);
      for (let times = 0; times < 12; times++) {
        const at = Math.floor(random() * bytes.length);
        expect(readCutAt(bytes, at), `${id} cut at ${at}`).toEqual(whole);
      }
    }
  });

  it("changes nothing when every byte comes alone", () => {
    for (const { id, log } of corpus.slice(0, 8)) {
      const bytes = bytesOf(log).subarray(0, 20_000);
      const reader = createLogReader();
      for (let at = 0; at < bytes.length; at++) reader.push(bytes.subarray(at, at + 1));
      expect(reader.report(), id).toEqual(analyzeLog(bytes));
    }
  });
});

describe("a report", () => {
  it("reads the unfinished end and leaves the reader as it was", () => {
    const reader = createLogReader({ tool: "sd-scripts" });
    reader.push(
      bytesOf(
        "steps:  10%|#  | 1/10 [00:01<00:09,  1.00s/it, avr_loss=0.5]\rsteps:  20%|##  | 2/10 [00:02<00:08,  1.00s/it, avr_loss=0.4]",
      ),
    );
    const before = JSON.stringify(reader.state());

    expect(reader.report()).toMatchObject({ lastStep: 2, lastLoss: 0.4 });
    expect(reader.report()).toEqual(reader.report());
    expect(JSON.stringify(reader.state())).toBe(before);
  });

  it("does not change with the state that was handed out", () => {
    const reader = createLogReader();
    reader.push(bytesOf("{'loss': 1.5, 'learning_rate': 1e-05}\n"));
    const state = reader.state();
    const copy = JSON.stringify(state);
    reader.push(bytesOf("KeyError: 'x'\n{'loss': 1.25, 'learning_rate': 1e-05}\n"));
    const other = createLogReader({ state });
    other.push(bytesOf("{'loss': 3.5}\n"));

    expect(JSON.stringify(state)).toBe(copy);
    expect(reader.report().lastLoss).toBe(1.25);
  });

  it("names the trainer by what it prints, unless it is told", () => {
    const lines: Record<(typeof logTools)[number], string> = {
      "ai-toolkit": "# Running job: a",
      "sd-scripts": "running training / 学習開始",
      "musubi-tuner": "INFO:musubi_tuner.hv_train_network:Load dataset config",
      "hf-trainer": "{'loss': 1.5, 'learning_rate': 1e-05}",
      unsloth: "==((====))==  Unsloth - 2x faster free finetuning | Num GPUs = 1",
      "mlx-lm": "Starting training..., iters: 100",
      pytorch: "",
    };
    for (const tool of logTools) {
      expect.soft(analyzeLog(`${lines[tool]}\n`).tool).toBe(tool === "pytorch" ? null : tool);
      expect.soft(analyzeLog(`${lines["hf-trainer"]}\n`, { tool }).tool).toBe(tool);
    }
  });

  it("counts fragments and bytes", () => {
    expect(analyzeLog("a\nb\rc")).toMatchObject({ fragments: 3, bytes: 5 });
  });
});

describe("a log of any kind", () => {
  const frame = fc
    .tuple(fc.constantFrom("", "steps", "a 5%| b", "Loading", "Epoch 1"), fc.nat(12), fc.nat(12))
    .map(
      ([name, count, total]) =>
        `${name}:  ${count}%|#  | ${count}/${total} [00:0${count % 10}<00:09, 1.00it/s, loss=${count}]`,
    );
  const piece = fc.oneof(
    frame,
    fc.constantFrom("\r", "\n", "\r\n", "\u001b[2K", "|", "%|", "[", "<", "{'loss': ", "}"),
    fc.constantFrom(
      "Traceback (most recent call last):\n",
      '  File "a.py", line 1, in b\n',
      "ValueError: \n",
      "KeyError\n",
      "    | ",
      "[rank1]: ",
    ),
    fc.constantFrom(
      "[INFO] x: Traceback (most recent call last):\n",
      "Exception ignored in: ",
      "Killed\n",
      "CUDA out of memory\n",
      "ERROR    ",
    ),
    fc.constantFrom(
      "loss is nan\n",
      "Iter 3: Train loss 1, It/sec 2",
      "Step\tTraining Loss\n3\t0.5\n",
      "# Running job: ",
      "12/40 [00:01<00:02, 1.00it/s]",
    ),
    fc.string({ unit: "binary", maxLength: 30 }),
  );
  const garbage = fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join(""));

  it(`is read in any order and any parts (LOG_SEED=${seed})`, () => {
    fc.assert(
      fc.property(garbage, fc.array(fc.nat(4_000), { maxLength: 6 }), (text, cuts) => {
        const bytes = bytesOf(text);
        const whole = analyzeLog(bytes);
        const reader = createLogReader();
        let from = 0;
        for (const cut of [...cuts.map((at) => at % (bytes.length + 1)), bytes.length].toSorted(
          (a, b) => a - b,
        )) {
          reader.push(bytes.subarray(from, cut));
          from = cut;
        }
        expect(reader.report()).toEqual(whole);
        expect(["healthy", "failed", "degraded"]).toContain(whole.outcome);
        expect(whole.outcome === "healthy").toBe(whole.category === "none");
        expect(whole.cause === null).toBe(whole.category === "none");
      }),
      { seed, numRuns: 400 },
    );
  });

  it(`never makes it throw, bytes that are no text included (LOG_SEED=${seed})`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(analyzeLog(bytes).bytes).toBe(bytes.length);
      }),
      { seed, numRuns: 200 },
    );
  });

  it("keeps the reader's own state under 64 KiB", () => {
    const long = "x".repeat(70_000);
    const nul = "\u0000".repeat(5_000);
    const hostile = [
      Array.from({ length: 400 }, (_, at) => `Error${at}Error: ${long.slice(0, 30_000)}\n`),
      Array.from({ length: 400 }, (_, at) => `ValueError: ${nul}${at}\n`),
      Array.from(
        { length: 400 },
        (_, at) => `CUDA out of memory ${"漢".repeat(3_000)}${at}\n{'loss': ${at}}\n`,
      ),
      Array.from(
        { length: 400 },
        (_, at) =>
          `${long.slice(0, 30_000)}${at}:  5%|#| 1/${at + 2} [00:01<00:02, 1.00it/s]${long.slice(0, 9_000)}\r`,
      ),
      Array.from(
        { length: 400 },
        (_, at) => `  File "${long.slice(0, 900)}${at}.py", line 1, in ${long.slice(0, 150)}\n`,
      ),
      [`# Running job: ${long.slice(0, 60_000)}\n`],
      [`${"[x] ".repeat(35)}: Traceback (most recent call last):\n`, long],
      Array.from({ length: 9 }, () => long),
    ];
    for (const pieces of hostile) {
      const reader = createLogReader();
      for (const piece of pieces) reader.push(bytesOf(piece));
      const { reading } = reader.state();
      expect(bytesOf(JSON.stringify(reading)).length).toBeLessThan(64 * 1_024);
    }
    const everything = createLogReader();
    for (const piece of hostile.flat()) everything.push(bytesOf(piece));
    expect(bytesOf(JSON.stringify(everything.state().reading)).length).toBeLessThan(64 * 1_024);
  });
});
