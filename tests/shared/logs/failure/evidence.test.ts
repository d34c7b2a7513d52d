import { describe, expect, it } from "vitest";
import { diagnose } from "../../../../shared/logs/failure/diagnosis.ts";
import { analyzeLog } from "../../../../shared/logs/log-reader.ts";
import { raised } from "./signature-examples.ts";

const metrics = "{'loss': 1.2, 'learning_rate': 1e-05, 'epoch': 1.0}\n";
const bar = (postfix: string): string =>
  `steps:  10%|#         | 1/10 [00:01<00:09,  1.00s/it, ${postfix}]`;

describe("a loss without bounds", () => {
  it.each([
    bar("avr_loss=inf"),
    bar("avr_loss=-inf"),
    bar("lr: 1.0e-04 loss: inf"),
    bar("loss=tensor(nan, device='cuda:0')"),
    "{'loss': inf, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 1.0}",
    "{'loss': '-inf', 'learning_rate': '1e-05'}",
    "{'loss': tensor(nan, device='cuda:0'), 'learning_rate': 1e-05}",
    "Iter 10: Train loss inf, Learning Rate 1.000e-05, It/sec 2.0",
    "step 10/100 | loss inf | lr 1e-4",
    "step 10/100 | loss -inf | lr 1e-4",
    "step 10/100 loss Infinity",
    "step 10/100 loss tensor(nan, device='cuda:0')",
    "Epoch [1/5], Step [10/60], Loss: inf",
  ])("is no number: %s", (line) => {
    expect(analyzeLog(`${line}\n`)).toMatchObject({
      outcome: "degraded",
      category: "nan_loss",
      rootCauseLine: line,
      lastLoss: null,
      nanCount: 1,
    });
  });

  it("is not the gradient of a step that the scaler leaves out", () => {
    const line = "{'loss': 1.5, 'grad_norm': inf, 'learning_rate': 1e-05, 'epoch': 1.0}\n";

    expect(analyzeLog(line)).toMatchObject({ outcome: "healthy", lastLoss: 1.5 });
    expect(analyzeLog("step 1/9 loss 0.5 grad_norm inf\n")).toMatchObject({ outcome: "healthy" });
  });

  it.each([
    ["step 10/100 loss: tensor(0.51)", 0.51],
    ["step 10/100 loss: tensor(1., device='cuda:0', grad_fn=<MeanBackward0>)", 1],
    [bar("loss=tensor(0.25)"), 0.25],
  ])("is read out of a tensor: %s", (line, lastLoss) => {
    expect(analyzeLog(`${line}\n`)).toMatchObject({ outcome: "healthy", lastLoss });
  });
});

describe("printed text", () => {
  it.each([
    ["code in a fence", '```python\nraise RuntimeError("CUDA out of memory")\n```\n'],
    [
      "a report in a fence",
      `Answer: \`\`\`\n${raised("torch.OutOfMemoryError: CUDA out of memory")}\`\`\`\n`,
    ],
    ["a message in a fence", "```\nbash: line 1:  4321 Killed                  python a.py\n```\n"],
    ["a source line", 'raise RuntimeError("CUDA out of memory")\n'],
    ["an indented source line", '  raise RuntimeError("CUDA out of memory")\n'],
    ["a handler", "except torch.cuda.OutOfMemoryError:\n"],
    ["an indented word", "    Killed\n"],
    ["a slightly indented word", " Killed\n"],
    ["an indented sentence", "    CUDA out of memory is what people fear\n"],
    ["a prompt", '>>> train("CUDA out of memory")\n'],
    ["a quote", "> CUDA out of memory\n"],
    ["a quoted sentence", '"CUDA out of memory," he said\n'],
  ])("is no evidence: %s", (_what, text) => {
    expect(analyzeLog(metrics + text)).toMatchObject({ outcome: "healthy", rootCauseLine: null });
  });

  it.each([
    ["behind a closed fence", "```\ntext\n```\n"],
    ["behind a fence that stays open", "```python\nx = 1\n"],
  ])("does not hide what ended the run: %s", (_what, text) => {
    expect(analyzeLog(metrics + text + raised("KeyError: 'loss'"))).toMatchObject({
      outcome: "failed",
      rootCauseLine: "KeyError: 'loss'",
    });
    expect(analyzeLog(metrics + raised("KeyError: 'loss'") + text)).toMatchObject({
      outcome: "failed",
      rootCauseLine: "KeyError: 'loss'",
    });
  });

  it("does not hide a shell's word, nor what launchers and PyTorch indent", () => {
    for (const [line, category] of [
      ["Killed", "killed"],
      ["  exitcode  : -9 (pid: 14)", "oom_host"],
      ["\tsize mismatch for a.weight: copying a param with shape [1]", "unsupported_model"],
      ["    size mismatch for a.weight: copying a param with shape [1]", "unsupported_model"],
      ["  what():  CUDA out of memory", "oom_gpu"],
    ] as const) {
      expect.soft(analyzeLog(`${metrics}${line}\n`).category, line).toBe(category);
    }
  });

  it("is looked through in no time, however long its lines are", () => {
    const lines = [
      `${" ".repeat(60_000)}exitcode`,
      "``` ".repeat(15_000),
      "is not available ".repeat(3_500),
    ];
    const began = performance.now();
    for (const line of lines) analyzeLog(`${line}\n`);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("an optional package", () => {
  const said = "A matching Triton is not available, some optimizations will not be enabled\n";
  const missing = raised("ModuleNotFoundError: No module named 'triton'");

  it.each([
    ["alone", said + missing],
    ["by a logger", `WARNING:xformers:${said}${missing}`],
    ["after the training's numbers", metrics + said + missing],
  ])("is done without, wherever that is said: %s", (_what, text) => {
    expect(analyzeLog(text)).toMatchObject({ outcome: "healthy", rootCauseLine: null });
  });

  it("is missed where nobody said that it is optional, and explains no other exception", () => {
    expect(analyzeLog(missing).category).toBe("dependency_missing");
    expect(analyzeLog(`${said}Starting\n${missing}`).category).toBe("dependency_missing");
    expect(analyzeLog(said + raised("KeyError: 'loss'")).outcome).toBe("failed");
    expect(analyzeLog(said + missing + missing).category).toBe("dependency_missing");
  });
});

describe("what starts a trainer", () => {
  it.each([
    ["python: can't open file 'x.py': [Errno 2] No such file or directory", "config_invalid"],
    [
      "/usr/bin/python3: can't open file '/a/x.py': [Errno 2] No such file or directory",
      "config_invalid",
    ],
    ["/usr/bin/python: No module named accelerate", "dependency_missing"],
    ["sh: 1: accelerate: not found", "dependency_missing"],
    ["./run.sh: 3: accelerate: not found", "dependency_missing"],
    ["bash: ./train.sh: Permission denied", "permission"],
    [
      "[2024-01-01 00:00:00,000] [ERROR] [launch.py:325:sigkill_handler] ['/usr/bin/python', '-u', 'a.py'] exits with return code = -9",
      "oom_host",
    ],
    [
      "[2024-01-01 00:00:00,000] [ERROR] [launch.py:325:sigkill_handler] ['/usr/bin/python', '-u', 'a.py'] exits with return code = -11",
      "crash_native",
    ],
    [
      "[2024-01-01 00:00:00,000] [ERROR] [launch.py:325:sigkill_handler] ['/usr/bin/python', '-u', 'a.py'] exits with return code = -15",
      "killed",
    ],
    [
      "[2024-01-01 00:00:00,000] [ERROR] [launch.py:325:sigkill_handler] ['/usr/bin/python', '-u', 'a.py'] exits with return code = 1",
      "unknown_exception",
    ],
    ["srun: error: gpu03: task 0: Killed", "killed"],
    ["command terminated with exit code 137", "killed"],
    ["Process finished with exit code 137 (interrupted by signal 9: SIGKILL)", "killed"],
    ["Process finished with exit code 139 (interrupted by signal 11: SIGSEGV)", "crash_native"],
    ["thread 'main' panicked at src/main.rs:4:5:", "crash_native"],
    ["make: *** [train] Error 1", "unknown_exception"],
    ["make: *** [Makefile:12: train] Error 137", "killed"],
    [
      'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
      "cuda_driver",
    ],
    ["(raylet) Task was killed due to the node running low on memory.", "oom_host"],
  ])("says why it ended: %s", (line, category) => {
    expect(analyzeLog(`starting\n${line}\n`)).toMatchObject({
      outcome: "failed",
      category,
      rootCauseLine: line,
    });
  });

  it("knows less than the exception before it, known or not", () => {
    for (const [line, category] of [
      ["ConfusionError: all is lost", "unknown_exception"],
      ["torch.OutOfMemoryError: CUDA out of memory.", "oom_gpu"],
    ] as const) {
      const report = analyzeLog(`${raised(line)}make: *** [train] Error 1\n`);
      expect.soft(report).toMatchObject({ category, rootCauseLine: line });
    }
    const killed = "slurmstepd: error: Detected 1 oom_kill event in StepId=1.0.";
    expect(analyzeLog(`${killed}\nsrun: error: gpu03: task 0: Killed\n`).category).toBe("oom_host");
  });
});

describe("a dataset whose only picture is broken", () => {
  const refused = "Error processing image: /workspace/photos/a.jpg";
  const empty = "no images found in /workspace/photos";
  const stdout = `# Running job: toy\nDataset: /workspace/photos\n  -  Preprocessing image dimensions\n${refused}\n  -  Found 0 images\nError running job: ${empty}\n`;
  const damaged = "Error: Input file contains unsupported image format";
  const stderr = `Traceback (most recent call last):\n${damaged}\n100%|##########| 1/1 [00:00<00:00, 90.00it/s]\nTraceback (most recent call last):\n  File "tiny/main.ts", in main\nAssertionError: ${empty}\n`;

  it.each([
    ["what was printed", stdout, refused],
    ["the tracebacks", stderr, damaged],
    ["both in the same report", `${raised(`AssertionError: ${empty}`)}${refused}\n`, refused],
    ["both streams", stderr + stdout, damaged],
  ])("is damaged, not empty: %s", (_what, text, rootCauseLine) => {
    expect(analyzeLog(text, { tool: "ai-toolkit", exit: { exitCode: 1 } })).toMatchObject({
      outcome: "failed",
      category: "dataset_corrupt",
      rootCauseLine,
    });
  });

  it("is so also where the streams are read apart", () => {
    const reports = [stdout, stderr].map((text) => analyzeLog(text, { tool: "ai-toolkit" }));

    expect(diagnose(reports, { nanSteps: 0 })).toMatchObject({
      category: "dataset_corrupt",
      signature: "damaged-image",
    });
  });

  it("stays empty where no picture was refused", () => {
    const text = stdout.replace(`${refused}\n`, "");

    expect(analyzeLog(text, { tool: "ai-toolkit" }).category).toBe("dataset_empty");
  });

  it("spoils what goes on without the picture, and the exception says more than the print", () => {
    const skipped = `${refused}\n  -  Found 3 images\n`;

    expect(analyzeLog(skipped)).toMatchObject({ outcome: "degraded", rootCauseLine: refused });
    expect(
      analyzeLog(
        `${refused}\n${raised("PIL.UnidentifiedImageError: cannot identify image file 'a'")}  -  Found 3 images\n`,
      ),
    ).toMatchObject({ outcome: "degraded", signature: "damaged-image" });
  });
});
