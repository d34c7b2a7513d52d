import { writeSync } from "node:fs";

export const VERSION = "1.0.0";

/** What it is, in its own words: printed first and kept in every adapter's metadata. */
export const SELF_DESCRIPTION =
  "conditional image reconstruction with low-rank adapters on the CPU (not diffusion)";

/** Where text goes; whole lines to stdout, bars and tracebacks to stderr, as AI Toolkit does. */
export interface Output {
  readonly line: (text?: string) => void;
  readonly bar: (text: string) => void;
}

/** Synchronous, so that what was printed before a kill is in the file or pipe. */
export const processOutput: Output = {
  line: (text = "") => writeAll(1, `${text}\n`),
  bar: (text) => writeAll(2, text),
};

const pause = new Int32Array(new SharedArrayBuffer(4));

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // A full pipe that the parent made non-blocking: wait for the reader.
      if (code === "EAGAIN") Atomics.wait(pause, 0, 0, 5);
      // The reader is gone. Training goes on: its results are in files.
      else if (code === "EPIPE") return;
      else throw error;
    }
  }
}

export function printStart(out: Output, name: string, process: unknown): void {
  out.line(`Trainyard tiny trainer ${VERSION}: ${SELF_DESCRIPTION}`);
  out.line("Running 1 job");
  out.line(asciiJson(process));
  out.line();
  out.line("#".repeat(45));
  out.line(`# Running job: ${name}`);
  out.line("#".repeat(45));
  out.line();
  out.line();
  out.line("Running  1 process");
}

export function printAdapterLines(
  out: Output,
  adapter: { readonly rank: number; readonly alpha: number; readonly modules: number },
): void {
  out.line(`create LoRA network. base dim (rank): ${adapter.rank}, alpha: ${adapter.alpha}`);
  out.line("neuron dropout: p=None, rank dropout: p=None, module dropout: p=None");
  out.line("create LoRA for Text Encoder: 0 modules.");
  out.line(`create LoRA for U-Net: ${adapter.modules} modules.`);
  out.line("enable LoRA for U-Net");
}

export function printTimer(
  out: Output,
  timer: { readonly name: string; readonly averageMs: number; readonly count: number },
): void {
  const seconds = (timer.averageMs / 1000).toFixed(4);
  out.line();
  out.line(`Timer '${timer.name} Timer':`);
  out.line(` - ${seconds}s avg - train_loop, num = ${timer.count}`);
  out.line();
}

export function printStopped(out: Output): void {
  out.line();
  out.line("=".repeat(40));
  out.line("Job stopped");
  out.line("=".repeat(40));
}

/** `beforeJob`: the fault was found while the job was being built, where AI Toolkit's own handler fails as well. */
export function printFailure(
  out: Output,
  failure: { readonly message: string; readonly kind: string; readonly beforeJob: boolean },
): void {
  out.line(`Error running job: ${failure.message}`);
  if (failure.beforeJob) {
    out.line(
      "Error running on_error: cannot access local variable 'job' where it is not associated with a value",
    );
  }
  out.line();
  out.line("=".repeat(40));
  out.line("Result:");
  out.line(" - 0 completed jobs");
  out.line(" - 1 failure");
  out.line("=".repeat(40));
  out.bar(
    `Traceback (most recent call last):\n  File "tiny/main.ts", in main\n${failure.kind}: ${failure.message}\n`,
  );
}

/** As Python's json.dumps(indent=4), which writes everything beyond ASCII as \uXXXX. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value, null, 4).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
