import { readMetricLine } from "../metric-lines.ts";
import type { LogEvent, LogPhase } from "./log-events.ts";
import { type OpenJob, type Reading, rememberedNans, setPhase } from "./reader-state.ts";

/** They follow from the step. */
const notSeries = ["epoch"];

/** The first rule that fits reads the line; most lines fit none. */
export function readByRule(line: string, reading: Reading): void {
  for (const rule of rules) {
    if (!line.startsWith(rule.starts)) continue;
    const match = rule.pattern.exec(line);
    if (!match) continue;
    rule.read(match, reading, reading.job);
    return;
  }
}

interface LineRule {
  /** Cheap, literal and anchored: a caption, a path or a job's name elsewhere in the line never counts. */
  readonly starts: string;
  readonly pattern: RegExp;
  readonly read: (match: RegExpExecArray, reading: Reading, job: OpenJob) => void;
}

const phaseRule = (starts: string, phase: LogPhase, pattern = /^/): LineRule => ({
  starts,
  pattern,
  read: (_match, { events }, job) => {
    // All of these come before the first bar; the other stream's file may just have been read sooner.
    if (job.count === null) setPhase(phase, job, events);
  },
});

const rules: readonly LineRule[] = [
  {
    starts: "loss is nan",
    pattern: /^loss is nan/,
    read: (_match, { events }, job) => {
      const step = job.zeros.shift() ?? null;
      // Several of one step's micro-batches may say so; what is not claimed does not pile up.
      if (step === null) job.nans = Math.min(job.nans + 1, rememberedNans);
      events.push({ kind: "nan", step });
    },
  },
  {
    starts: "Saving at step ",
    pattern: /^Saving at step (\d{1,15})$/,
    read: ([, step], { events }, job) => {
      job.savingStep = Number(step);
      events.push({ kind: "savingStarted", step: Number(step) });
      setPhase("saving", job, events);
    },
  },
  {
    starts: "Saved checkpoint to ",
    pattern: /^Saved checkpoint to (.+)$/,
    read: ([, path = ""], { events, jobName }, job) => {
      events.push(saveOf(path, jobName, job.savingStep));
      job.savingStep = null;
    },
  },
  {
    starts: "Removing old save: ",
    pattern: /^Removing old save: (.+)$/,
    read: ([, path = ""], { events }) => events.push({ kind: "pruned", path }),
  },
  {
    starts: "#### IMPORTANT RESUMING FROM ",
    pattern: /^#### IMPORTANT RESUMING FROM (.+) ####$/,
    read: ([, path = ""], { events }, job) => {
      job.resumedFrom = path;
      events.push({ kind: "resumed", path, step: null });
    },
  },
  {
    starts: "Found step ",
    pattern: /^Found step (\d{1,15}) in metadata/,
    read: ([, step], { events }, job) => {
      if (job.resumedFrom === null) return;
      events.push({ kind: "resumed", path: job.resumedFrom, step: Number(step) });
    },
  },
  {
    // Its own flags were set: it ends as a failure does, and is none (DiffusionTrainer.py `maybe_stop`).
    starts: "Error running job: Job ",
    pattern: /^Error running job: Job (?:stopped|returning to queue)$/,
    read: (_match, { events }) => events.push({ kind: "stopMarker" }),
  },
  {
    starts: "Error running job: ",
    pattern: /^Error running job: (.*)$/,
    read: ([, text = ""], { events }) =>
      events.push({ kind: "errorLine", text: text.slice(0, shownCharacters) }),
  },
  {
    starts: "# OOM during training step, skipping batch ",
    pattern: /^# OOM during training step, skipping batch (\d{1,6})\/\d{1,6} #$/,
    read: ([, n], { events }, job) => {
      // A skipped step has no loss of its own.
      job.waiting = null;
      events.push({ kind: "oomSkipped", n: Number(n) });
    },
  },
  {
    // The scripts of a language-model project: a step's numbers, with the count of completed steps among them.
    starts: "{'",
    pattern: /^\{'[\w/.-]{1,64}': .*\}$/,
    read: ({ input }, { events }) => {
      const line = readMetricLine(input);
      if (line === null || line.step === null || line.step < 1) return;
      const values = new Map(line.others);
      for (const key of notSeries) values.delete(key);
      if (line.loss !== null) values.set("loss", line.loss);
      if (line.lr !== null) values.set("lr", line.lr);
      events.push({ kind: "metrics", step: line.step - 1, values });
    },
  },
  {
    starts: "Resuming from ",
    pattern: /^Resuming from (\S.{0,500}) at step (\d{1,15})$/,
    read: ([, path = "", step], { events }) =>
      events.push({ kind: "resumed", path, step: Number(step) }),
  },
  {
    starts: "Trainyard tiny trainer",
    pattern: /^/,
    read: (match, { events }, job) => {
      events.push({ kind: "trainerNamed", text: match.input.slice(0, shownCharacters) });
      setPhase("loading", job, events);
    },
  },
  phaseRule("Running ", "loading", /^Running +\d+ (?:jobs?|process(?:es)?)$/),
  phaseRule("# Running job: ", "loading"),
  phaseRule("Dataset: ", "caching"),
  phaseRule("Caching latents", "caching"),
  phaseRule("Caching text", "caching"),
  phaseRule("Caching clip vision", "caching"),
  phaseRule("Caching embeddings", "caching"),
  phaseRule("Generating controls for ", "caching"),
  phaseRule("Generating Controls:", "caching"),
  phaseRule("Generating baseline samples before training", "sampling"),
  phaseRule("Generating first sample from first sample config", "sampling"),
  {
    starts: "Sampling at step ",
    pattern: /^Sampling at step \d+$/,
    read: (_match, { events }, job) => setPhase("sampling", job, events),
  },
];

/** Of a line that goes out as it is. */
export const shownCharacters = 2_000;

function saveOf(path: string, jobName: string, savingStep: number | null): LogEvent {
  const file = path.split(/[/\\]/).at(-1) ?? path;
  const stem = file.replace(/\.(?:safetensors|pt|json)$/, "");
  const numbered = /_(\d{9,15})$/.exec(stem)?.[1];
  const step = stem === jobName ? null : numbered === undefined ? savingStep : Number(numbered);
  return { kind: "save", step, path, final: stem === jobName || step === null };
}
