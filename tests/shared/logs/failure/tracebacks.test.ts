import { describe, expect, it } from "vitest";
import { analyzeLog } from "../../../../shared/logs/log-reader.ts";

const head = "Traceback (most recent call last):";
const frames = (place = "train.py", named = "main"): string[] => [
  `  File "/workspace/trainer/${place}", line 21, in ${named}`,
  "    go()",
  "    ^^^^",
];
const log = (...lines: readonly (string | readonly string[])[]): string =>
  `${lines.flat().join("\n")}\n`;

const network = "httpx.ConnectError: [Errno 111] Connection refused";
const wrapper = "OSError: We couldn't connect to 'https://huggingface.co' to load the files";
const shapes = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 2x1)";

describe("forms of tracebacks", () => {
  it.each([
    ["whole", log(head, frames(), shapes)],
    ["without its head", log(frames(), shapes)],
    ["of the exception's line alone", log(shapes)],
    [
      "with another print between head and frames",
      log(head, "loading the model", frames(), shapes),
    ],
    ["with every line twice", log([head, ...frames(), shapes].flatMap((line) => [line, line]))],
    ["behind a rank", log([head, ...frames(), shapes].map((line) => `[rank3]: ${line}`))],
    [
      "behind a pod's name",
      log([head, ...frames(), shapes].map((line) => `trainer-nlp-1  | ${line}`)),
    ],
    ["behind a stream's name", log([head, ...frames(), shapes].map((line) => `stderr: ${line}`))],
    [
      "behind a process of a cluster",
      log([head, ...frames(), shapes].map((line) => `(main_task pid=1234, ip=10.0.0.3) ${line}`)),
    ],
    [
      "behind a logger's words",
      log(
        [head, ...frames(), shapes].map(
          (line, at) => `2026-01-02 10:00:0${at % 10} [INFO] Studio: ${line}`,
        ),
      ),
    ],
    [
      "glued to a bar",
      `Epoch 1:  10%|#         | 1/10 [00:05<00:45,  5.00s/it]${log(head, frames(), shapes)}`,
    ],
    [
      "glued to a bar of unknown length",
      `Epoch 1: 7it [00:05,  5.00s/it]${log(head, frames(), shapes)}`,
    ],
    ["with the source and no carets", log(head, frames().slice(0, 2), shapes)],
    [
      "of a notebook",
      log(
        "-".repeat(75),
        `RuntimeError                              Traceback (most recent call last)`,
        "Cell In[4], line 1",
        "----> 1 trainer.train()",
        "",
        "File /opt/trainer/trainer.py:2241, in Trainer.train(self, **kwargs)",
        "   2239         pass",
        "-> 2241     return loop(",
        "/opt/trainer/linear.py in forward(self, x)",
        "    114     def forward(self, x):",
        "--> 115         return F.linear(x)",
        "",
        shapes,
      ),
    ],
    [
      "in a box",
      log(
        "╭──────────────── Traceback (most recent call last) ────────────────╮",
        "│ /opt/trainer/launch.py:580 in simple_launcher                     │",
        "│                                                                   │",
        "│   577 │   process.wait()                                          │",
        "│ ❱ 580 │   │   raise x                                             │",
        "╰───────────────────────────────────────────────────────────────────╯",
        shapes,
      ),
    ],
    [
      "of a group of exceptions",
      log(
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "/workspace/a.py", line 3, in <module>',
        "  |     main()",
        "  | ExceptionGroup: two went wrong (2 sub-exceptions)",
        "  +-+---------------- 1 ----------------",
        "    | Traceback (most recent call last):",
        '    |   File "/workspace/a.py", line 9, in one',
        `    | ${shapes}`,
        "    +------------------------------------",
      ),
    ],
    [
      "raised again for a worker",
      log(
        head,
        frames("_utils.py", "reraise"),
        "RuntimeError: Caught RuntimeError in DataLoader worker process 0.",
        "Original Traceback (most recent call last):",
        frames("collate.py", "collate"),
        shapes,
      ),
    ],
  ])("finds the line %s", (_form, text) => {
    const report = analyzeLog(text);

    expect(report).toMatchObject({ outcome: "failed", category: "dtype_shape" });
    expect(report.rootCauseLine).toMatch(
      /mat1 and mat2 shapes cannot be multiplied \(4x3 and 2x1\)$/,
    );
  });

  it("takes the cause of a chain, whether it comes first or last", () => {
    const during = "During handling of the above exception, another exception occurred:";
    const direct = "The above exception was the direct cause of the following exception:";

    expect(
      analyzeLog(log(head, frames(), network, "", during, "", head, frames(), wrapper))
        .rootCauseLine,
    ).toBe(wrapper);
    expect(
      analyzeLog(
        log(head, frames(), wrapper, "", direct, "", head, frames(), "RuntimeError: no model"),
      ).rootCauseLine,
    ).toBe(wrapper);
    expect(
      analyzeLog(
        log(
          head,
          frames(),
          "ModuleNotFoundError: No module named 'xformers'",
          "",
          during,
          "",
          head,
          frames(),
          "ImportError: No xformers",
        ),
      ).rootCauseLine,
    ).toBe("ModuleNotFoundError: No module named 'xformers'");
  });

  it("finds the reason further down in a message, behind an empty line", () => {
    const text = log(
      head,
      frames(),
      "huggingface_hub.errors.HfHubHTTPError: the request failed",
      "",
      "Cannot access gated repo for url https://huggingface.co/a/b.",
      "Please log in.",
    );

    expect(analyzeLog(text)).toMatchObject({
      category: "auth_gated",
      rootCauseLine: "Cannot access gated repo for url https://huggingface.co/a/b.",
    });
  });

  it("prefers the exception's own line to what its message repeats, and to the toolkit's summary", () => {
    const own = "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: 1)";
    const text = log(
      "Error running job: 403 Client Error. (Request ID: 1)",
      "Access to model a/b is restricted.",
      head,
      frames(),
      own,
      "",
      "Cannot access gated repo for url https://x.",
    );

    expect(analyzeLog(text).rootCauseLine).toBe(own);
  });

  it("takes the first of the same line from several processes", () => {
    const of = (rank: number): string =>
      `[rank${rank}]: torch.OutOfMemoryError: CUDA out of memory. GPU ${rank} has a total capacity of 8 GiB`;

    expect(analyzeLog(log(of(2), of(0), of(1))).rootCauseLine).toBe(of(2));
  });

  it("knows that something was raised when the log breaks off in the frames", () => {
    const report = analyzeLog(log("starting", head, frames()));

    expect(report).toMatchObject({
      outcome: "failed",
      category: "unknown_exception",
      call: "get-training-logs",
    });
  });

  it("leaves out what Python itself ignores", () => {
    expect(
      analyzeLog(
        log(
          "Exception ignored in: <function tqdm.__del__>",
          head,
          frames(),
          "OSError: [Errno 9] Bad file descriptor",
        ),
      ).outcome,
    ).toBe("healthy");
  });

  it("counts an ignored exception as a witness of what was said before", () => {
    const line = "OSError: [Errno 28] No space left on device";

    expect(
      analyzeLog(
        log(
          "Error running job: [Errno 28] No space left on device",
          "Exception ignored in: <x>",
          head,
          frames(),
          line,
        ),
      ).rootCauseLine,
    ).toBe(line);
  });

  it("reads an exception of no known name where frames were before", () => {
    expect(analyzeLog(log(head, frames(), "queue.Empty"))).toMatchObject({
      outcome: "failed",
      category: "unknown_exception",
    });
    expect(analyzeLog(log("Empty", "Success: yes", "Note: nothing")).outcome).toBe("healthy");
  });

  it("takes a launcher's own exception only where nothing else is said", () => {
    const launcher =
      "subprocess.CalledProcessError: Command '['python', 'a.py']' returned non-zero exit status 1.";

    expect(analyzeLog(log(head, frames(), launcher)).rootCauseLine).toBe(launcher);
    expect(
      analyzeLog(log(head, frames(), "KeyError: 'messages'", head, frames(), launcher))
        .rootCauseLine,
    ).toBe("KeyError: 'messages'");
    expect(
      analyzeLog(log(head, frames(), "ArithmeticError: odd", head, frames(), launcher)).category,
    ).toBe("unknown_exception");
  });

  it("reads an error that a trainer prints and does not raise", () => {
    const said =
      "                    ERROR    No data found. Please verify the arguments       train_network.py:563";

    expect(analyzeLog(log("INFO     make buckets", said))).toMatchObject({
      outcome: "failed",
      category: "dataset_empty",
      rootCauseLine: said.trim(),
    });
    expect(
      analyzeLog(
        log("ERROR: pip's dependency resolver does not currently know that torch is not installed"),
      ).outcome,
    ).toBe("healthy");
    expect(analyzeLog(log("12:00:01 ERROR    the upload was slow")).outcome).toBe("healthy");
  });
});
