import { describe, expect, it } from "vitest";
import { analyzeLog } from "../../../../shared/logs/log-reader.ts";
import type { ExitFacts } from "../../../../shared/logs/log-report.ts";

const job = "my_lora";
const header = `# Running job: ${job}\n`;
const bar = (count: number, total = 10, seconds = count): string => {
  const percent = String(Math.floor((100 * count) / total)).padStart(3);
  const clock = `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
  return `${job}: ${percent}%|##        | ${count}/${total} [${clock}<00:09,  1.00it/s, lr: 1.0e-04 loss: 1.5e-0${(count % 8) + 1}]`;
};
const bars = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, at) => `${bar(from + at)}\r`).join("");
const traceback = (line: string): string =>
  `Traceback (most recent call last):\n  File "/workspace/a.py", line 3, in load\n    go()\n${line}\n`;
const read = (text: string, exit?: ExitFacts) => analyzeLog(text, { tool: "ai-toolkit", exit });

describe("what a run got over", () => {
  it.each([
    [
      "an optional import",
      `${traceback("ModuleNotFoundError: No module named 'triton'")}Loading transformer\n`,
    ],
    [
      "a damaged cache that is made again",
      `${traceback("json.decoder.JSONDecodeError: Expecting value: line 1")}Caching latents to disk\n`,
    ],
    [
      "a retried download",
      `${traceback("httpx.ConnectError: [Errno 111] Connection refused")}${bars(1, 3)}`,
    ],
    [
      "an exception and then metrics",
      `ValueError: of a metric\n{'loss': 1.2, 'learning_rate': 1e-05, 'epoch': 1.0}\n`,
    ],
    [
      "an exception and then an iteration",
      `ValueError: of a metric\nIter 20: Train loss 1.0, Learning Rate 1.000e-05, It/sec 2.0\n`,
    ],
    [
      "a traceback between bars",
      `${bars(0, 2)}\n${traceback("ConnectionResetError: [Errno 104] Connection reset by peer")}${bars(3, 5)}`,
    ],
    [
      "warnings",
      "/x/a.py:3: UserWarning: [Errno 28] No space left on device.  joblib will operate in serial mode\n",
    ],
    [
      "a library's start-up noise",
      "2026-01-01 W tensorflow/stream_executor/x.cc:64] Could not load dynamic library 'libnvinfer.so.7'\n",
    ],
    [
      "an import that a trainer does without",
      "A matching Triton is not available\nError caught was: No module named 'triton'\n",
    ],
  ])("is no failure: %s", (_what, text) => {
    expect(read(header + text)).toMatchObject({
      outcome: "healthy",
      category: "none",
      rootCauseLine: null,
    });
  });

  it("spoils the result where pictures were skipped", () => {
    const line = "PIL.UnidentifiedImageError: cannot identify image file '/workspace/a.jpg'";

    expect(read(`${header}${traceback(line)}  -  Found 9 images\n${bars(0, 4)}`)).toMatchObject({
      outcome: "degraded",
      category: "dataset_corrupt",
      rootCauseLine: line,
    });
  });

  it("spoils the result where batches were skipped for memory", () => {
    const line = "# OOM during training step, skipping batch 1/3 #";

    expect(read(`${header}${bars(0, 2)}\n${line}\n${bars(3, 5)}`)).toMatchObject({
      outcome: "degraded",
      category: "oom_gpu",
      oomSkipped: 1,
      rootCauseLine: line,
    });
  });

  it("is what ended it when nothing came after", () => {
    expect(
      read(
        `${header}${bars(0, 5)}\n${traceback("RuntimeError: mat1 and mat2 shapes cannot be multiplied")}`,
      ),
    ).toMatchObject({
      outcome: "failed",
      category: "dtype_shape",
      lastStep: 5,
    });
  });

  it("is not proved over by the bar that an exception closes, though it shows a higher count", () => {
    const closing = `${bar(6)}\n`;

    expect(read(`${header}${bars(0, 5)}\n${traceback("KeyError: 'loss'")}${closing}`).outcome).toBe(
      "failed",
    );
    expect(
      read(`${header}${bars(0, 5)}\n${traceback("KeyError: 'loss'")}${closing}${bar(7)}\n`).outcome,
    ).toBe("healthy");
  });

  it("explains an empty dataset by what refused its pictures", () => {
    const line = "PIL.UnidentifiedImageError: cannot identify image file '/workspace/a.jpg'";
    const text = `${traceback(line)}  -  Preprocessing image dimensions\n${traceback("AssertionError: no images found in /workspace/photos")}`;

    expect(read(header + text)).toMatchObject({
      outcome: "failed",
      category: "dataset_corrupt",
      rootCauseLine: line,
    });
  });

  it("keeps the surest of very many errors", () => {
    const sure = "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: 1)";
    const noise = Array.from({ length: 60 }, (_, at) => traceback(`KeyError: 'k${at}'`)).join("");

    expect(read(traceback(sure) + noise).rootCauseLine).toBe(sure);
    expect(read(noise + traceback(sure) + noise).rootCauseLine).toBe(sure);
    expect(read(noise + traceback(sure)).rootCauseLine).toBe(sure);
  });
});

describe("numbers that are none", () => {
  it.each([
    ["AI Toolkit", `${header}${bars(0, 2)}\nloss is nan\n${bars(3, 4)}`, "loss is nan"],
    [
      "a bar",
      "steps:  10%|#         | 1/10 [00:01<00:09,  1.00s/it, avr_loss=nan]",
      "steps:  10%|#         | 1/10 [00:01<00:09,  1.00s/it, avr_loss=nan]",
    ],
    [
      "the Trainer's loss",
      "{'loss': nan, 'learning_rate': 1e-05, 'epoch': 1.0}\n",
      "{'loss': nan, 'learning_rate': 1e-05, 'epoch': 1.0}",
    ],
    [
      "the Trainer's gradient",
      "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-05}\n",
      "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-05}",
    ],
    [
      "the Trainer's quoted values",
      "{'loss': '0', 'grad_norm': 'nan', 'learning_rate': '1e-05'}\n",
      "{'loss': '0', 'grad_norm': 'nan', 'learning_rate': '1e-05'}",
    ],
    [
      "mlx-lm",
      "Iter 10: Train loss nan, Learning Rate 1.000e-05, It/sec 2.0\n",
      "Iter 10: Train loss nan, Learning Rate 1.000e-05, It/sec 2.0",
    ],
    ["a plain loop", "iter 710: loss nan, time 350.5ms\n", "iter 710: loss nan, time 350.5ms"],
    [
      "a plain loop's gradient",
      "iteration 5/ 10 | learning rate: 2.5E-04 | loss scale: 1.0 | grad norm: nan |\n",
      "iteration 5/ 10 | learning rate: 2.5E-04 | loss scale: 1.0 | grad norm: nan |",
    ],
  ])("spoil the result: %s", (_form, text, line) => {
    expect(analyzeLog(text)).toMatchObject({
      outcome: "degraded",
      category: "nan_loss",
      signature: "nan-in-numbers",
      rootCauseLine: line,
    });
  });

  it("end the run where the trainer stops for them", () => {
    expect(analyzeLog("Epoch 1 step 4 loss: nan\nLoss is nan, stopping training\n")).toMatchObject({
      outcome: "failed",
      category: "nan_loss",
    });
  });

  it.each([
    "banana_lora:  10%|#         | 1/10 [00:01<00:09,  1.00s/it, lr: 1.0e-04 loss: 1.000e-01]",
    "mean ar error (without repeats): nan",
    "INFO: inference on fernando/tenant, info, nano, nan-free",
    "number of nan iterations:   0",
    "metrics: nan_count=0 inf=0",
  ])("are not meant by %j", (line) => {
    expect(analyzeLog(`${line}\n`)).toMatchObject({ outcome: "healthy", nanCount: 0 });
  });
});

describe("what stands still", () => {
  const download = (seconds: number): string =>
    `model.safetensors:   5%|▌         | 1.25G/25.0G [10:${String(seconds).padStart(2, "0")}<2:30:00, 2.50MB/s]`;

  it("is a download that gains nothing on its own clock", () => {
    expect(analyzeLog(`${download(11)}\r${download(30)}\r`)).toMatchObject({
      outcome: "degraded",
      category: "stalled",
      rootCauseLine: download(30),
    });
    expect(analyzeLog(`${download(11)}\r${download(12)}\r`).outcome).toBe("healthy");
  });

  it("is a training whose bar is painted again and again at one count", () => {
    const at = (clock: string): string =>
      `${job}:  20%|##        | 2/10 [${clock}<00:09,  2.00s/it, lr: 1.0e-04 loss: 1.0e-01]\r`;

    expect(read(`${header}${at("00:04")}${at("31:00")}`)).toMatchObject({
      outcome: "degraded",
      category: "stalled",
    });
    expect(read(`${header}${at("00:04")}${at("20:00")}`).outcome).toBe("healthy");
  });

  it("is not a slow step, nor a bar that is done", () => {
    const slow = (clock: string): string =>
      `${job}:  20%|##        | 2/10 [${clock}<00:09, 90.00s/it, lr: 1.0e-04 loss: 1.0e-01]\r`;

    expect(read(`${header}${slow("00:04")}${slow("45:00")}`).outcome).toBe("healthy");
    expect(read(`${header}${bar(10, 10, 10)}\r${bar(10, 10, 3_000)}\n`).outcome).toBe("healthy");
  });
});

describe("what the process proves", () => {
  const quiet = `${header}${bars(0, 5)}`;

  it.each<[string, ExitFacts, string, string]>([
    ["a kill for memory", { killedForMemory: true, signal: "SIGKILL" }, "failed", "oom_host"],
    ["SIGKILL", { signal: "SIGKILL" }, "failed", "killed"],
    ["a shell's 137", { exitCode: 137 }, "failed", "killed"],
    ["a shell's 143", { exitCode: 143 }, "failed", "killed"],
    ["SIGSEGV", { signal: "SIGSEGV" }, "failed", "crash_native"],
    ["a shell's 139", { exitCode: 139 }, "failed", "crash_native"],
    ["an exit code", { exitCode: 1 }, "failed", "unknown_exception"],
    ["success", { exitCode: 0 }, "healthy", "none"],
    ["nothing", {}, "healthy", "none"],
    ["a wanted stop", { signal: "SIGTERM", stopWanted: true }, "healthy", "none"],
    ["a wanted stop with its code", { exitCode: 1, stopWanted: true }, "healthy", "none"],
    [
      "a kill for memory during a wanted stop",
      { killedForMemory: true, stopWanted: true },
      "failed",
      "oom_host",
    ],
  ])("counts where the log says nothing: %s", (_what, exit, outcome, category) => {
    expect(read(quiet, exit)).toMatchObject({ outcome, category, rootCauseLine: null });
  });

  it("says less than the log where both speak", () => {
    const text = `${quiet}\n${traceback("torch.OutOfMemoryError: CUDA out of memory.")}`;

    expect(read(text, { exitCode: 1 }).category).toBe("oom_gpu");
    expect(read(text, { signal: "SIGKILL" }).category).toBe("oom_gpu");
  });

  it("takes a caught error for a flaw where the process ended well", () => {
    expect(read(`${quiet}\n${traceback("KeyError: 'loss'")}`, { exitCode: 0 })).toMatchObject({
      outcome: "degraded",
      category: "unknown_exception",
      rootCauseLine: "KeyError: 'loss'",
    });
  });

  it("takes an interruption that was asked for as no fault", () => {
    const text = `${quiet}\n${traceback("KeyboardInterrupt")}`;

    expect(read(text, { signal: "SIGINT", stopWanted: true }).outcome).toBe("healthy");
    expect(read(text, { signal: "SIGINT" })).toMatchObject({
      outcome: "failed",
      category: "killed",
    });
  });

  it("does not take a code of 0 for success where the trainer was interrupted", () => {
    expect(read(`${quiet}\n${traceback("KeyboardInterrupt")}`, { exitCode: 0 })).toMatchObject({
      outcome: "failed",
      category: "killed",
    });
  });
});
