import { z } from "zod";
import { runDataSchema } from "../llm/llm-document.ts";
import { guardrailRulesSchema } from "../analysis/guards/guard-rules.ts";
import { jobStateSchema } from "../jobs/state.ts";
import { limits } from "../limits.ts";
import { wireErrorSchema } from "./wire-error.ts";

/**
 * What the edge may ask of an agent: a fixed vocabulary, nothing generic. `changes` says whether the box ledgers the
 * call. The agent checks the arguments again; the edge is not its authority on paths, names or files.
 */
export interface Operation<
  Args extends z.ZodType = z.ZodType,
  Value extends z.ZodType = z.ZodType,
> {
  readonly args: Args;
  readonly value: Value;
  readonly changes: boolean;
  /** How long the Hub waits for the answer. */
  readonly timeoutMs: number;
}

const id = z.string().min(1).max(80);
const name = z.string().min(1).max(limits.nameCharacters);
const document = z.record(z.string(), z.unknown());
const bytes = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A part that the box posts ends with its own SHA-256 where `x-part-bytes` says that the rest is shorter than the body. */
export const partHashBytes = 32;

/** What a link may read on the box. The agent resolves it inside its own roots. */
export const fileSourceSchema = z.discriminatedUnion("kind", [
  /** Segments below the outputs root. */
  z.object({
    kind: z.literal("output"),
    segments: z.array(z.string().min(1).max(255)).min(1).max(8),
  }),
  z.object({
    kind: z.literal("log"),
    jobId: id,
    attempt: z.int().min(1),
    stream: z.enum(["stdout", "stderr"]),
  }),
  /** A contact sheet that was made of a job's samples. */
  z.object({
    kind: z.literal("sheet"),
    jobId: id,
    name: z.string().regex(/^[0-9a-f]{16}\.jpg$/),
  }),
]);
export type FileSource = z.infer<typeof fileSourceSchema>;

const captionStatisticsSchema = z.object({
  captions: z.int(),
  tokens: z.int(),
  vocabulary: z.int(),
  meanWords: z.number(),
  uniqueRatio: z.number().nullable(),
  asciiRatio: z.number().nullable(),
  topTerms: z.array(z.object({ term: z.string().max(200), count: z.int() })).max(25),
});

export const datasetFactsSchema = z.object({
  reference: z.string().max(300),
  name: z.string().max(300).nullable(),
  exists: z.boolean(),
  isDirectory: z.boolean(),
  images: z.int(),
  /** With a caption file, be it empty. */
  captioned: z.int(),
  emptyCaptions: z.int(),
  totalBytes: z.int(),
  /** Changes when a file is added, removed or replaced: SHA-256 over names, sizes and modification times. */
  fingerprint: z.string().max(64).nullable(),
  scanLimited: z.boolean(),
  /** What decoding every picture told; missing while nobody has looked at all of them. */
  seen: z
    .object({
      corrupt: z.int(),
      duplicates: z.int(),
      lowResolution: z.int(),
      extremeAspect: z.int(),
      captions: captionStatisticsSchema.nullable(),
    })
    .nullish(),
});
export type DatasetFacts = z.infer<typeof datasetFactsSchema>;

const companionFactsSchema = z.object({
  dataset: z.string().max(300),
  folder: z.string().max(300),
  exists: z.boolean(),
  /** Pictures in it, and images of the dataset that none of them belongs to. */
  images: z.int(),
  unpaired: z.int(),
});
export type CompanionFacts = z.infer<typeof companionFactsSchema>;
/** Where a config is kept: saved here, a file of the box, or in AI Toolkit's own web UI. */
export const configOrigins = ["edge", "box", "ui"] as const;

const boxConfigRowSchema = z.object({
  name,
  origin: z.enum(["box", "ui"]),
  /** Virtual: `configs/<file>`, `ai-toolkit/config/<file>`. */
  path: z.string().max(400),
  modifiedAtMs: z.number(),
  trainer: z.string().max(40).nullable(),
  model: z.string().max(300).nullable(),
  datasetPath: z.string().max(300).nullable(),
  steps: z.int().nullable(),
  /** Code of why it cannot be read. */
  problem: z.string().max(40).nullable(),
});
export type BoxConfigRow = z.infer<typeof boxConfigRowSchema>;

const boxConfigSchema = boxConfigRowSchema
  .pick({ name: true, origin: true, path: true, modifiedAtMs: true })
  .extend({
    document: document.nullable(),
    problem: z
      .object({
        code: z.string().max(40),
        severity: z.enum(["error", "warning"]),
        message: z.string().max(1_000),
        field: z.string().max(300).optional(),
        value: z.unknown().optional(),
        fix: z.string().max(1_000).optional(),
      })
      .nullable(),
  });
export type BoxConfig = z.infer<typeof boxConfigSchema>;

const logStream = z.enum(["stdout", "stderr"]);
const logLineSchema = z.object({
  /** 1-based in the stream's file, as newlines count; null where the file is too large to count. */
  n: z.int().nullable(),
  stream: logStream,
  text: z.string(),
  repeat: z.int(),
  /** What was looked for. */
  match: z.boolean().optional(),
});

function operation<Args extends z.ZodType, Value extends z.ZodType>(
  definition: Operation<Args, Value>,
): Operation<Args, Value> {
  return definition;
}

function toolOperation(changes: boolean) {
  return operation({
    args: z.object({ tool: id, arguments: z.record(z.string(), z.unknown()) }),
    value: z.object({ data: z.record(z.string(), z.unknown()), text: z.string() }),
    changes,
    timeoutMs: limits.agentToolTimeoutMs,
  });
}

const transferTarget = z.object({
  dataset: name,
  filename: z.string().min(1).max(300),
  /** Of an archive: all of its files, or none. */
  strict: z.boolean().nullish(),
});

export const problemSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullish(),
});

/** What became of an upload whose bytes are all there. */
const uploadEnd = {
  complete: z
    .object({
      path: z.string(),
      bytes,
      /** Of the file as it lies in the dataset. */
      sha256,
      /** Of the bytes as they were sent, where the file was changed on the box; missing: the same. */
      receivedSha256: sha256.nullish(),
      /** One word of ours for what was changed; missing: nothing. */
      change: z.string().nullish(),
      /** For an archive: what came out of it. */
      archive: z
        .object({
          files: z.int().min(0),
          images: z.int().min(0),
          captions: z.int().min(0),
          /** The first of them; `skippedTotal` counts all. */
          skipped: z.array(
            z.object({ filename: z.string(), code: z.string(), message: z.string() }),
          ),
          skippedTotal: z.int().min(0),
          changed: z.array(
            z.object({ filename: z.string(), storedAs: z.string(), change: z.string() }),
          ),
        })
        .nullish(),
    })
    .nullable(),
  /** All bytes are there and are still looked at; ask again. */
  processing: z.boolean().nullish(),
};
export const uploadEndSchema = z.object(uploadEnd);
export type UploadEnd = z.infer<typeof uploadEndSchema>;

export const operations = {
  /** Answers once the attempt is durable in the spool, before the process is there. */
  "start-attempt": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      jobName: name,
      trainer: id,
      document,
      guardrails: guardrailRulesSchema,
      /** Number of these rules; 0 for those the job was started with. */
      guardrailsRevision: z.int().min(0).optional(),
      slot: z.string().max(20),
      totalSteps: z.int().nullable(),
    }),
    value: z.object({ accepted: z.literal(true) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  "stop-attempt": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      mode: z.enum(["checkpoint", "now"]),
      by: z.string().max(100),
      reason: z.string().max(500),
    }),
    value: z.object({
      outcome: z.enum(["stopping", "not-started", "already-ended"]),
      state: jobStateSchema.nullable(),
    }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** A checkpoint or pictures from a running trainer, behind the step it makes now. Asked twice before it looks, it acts once. */
  "ask-trainer": operation({
    args: z.object({ jobId: id, attempt: z.int().min(1), what: z.enum(["save", "sample"]) }),
    value: z.object({ outcome: z.enum(["asked", "not-running", "not-listening", "cannot"]) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Other guardrails for an attempt that lives. Of two numbers the higher holds, whichever comes first. */
  "set-guardrails": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1),
      revision: z.int().min(1),
      rules: guardrailRulesSchema,
    }),
    value: z.object({
      outcome: z.enum(["in-force", "superseded", "not-running"]),
      revision: z.int().min(0),
    }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Looks at what a start would need. */
  preflight: operation({
    args: z.object({
      trainer: id.nullable(),
      datasets: z.array(z.string().max(300)).max(50),
      maxFiles: z.int().min(1),
      /** The trainer is asked whether it could run this one here. */
      document: document.optional(),
      /** How long to wait for a look at every picture; it goes on without the caller. */
      glanceMs: z.int().min(0).max(30_000).nullish(),
      /** Folders of masks or controls, with the dataset that each belongs to. */
      companions: z
        .array(z.object({ dataset: z.string().max(300), folder: z.string().max(300) }))
        .max(50)
        .nullish(),
    }),
    value: z.object({
      trainer: z.object({ found: z.boolean(), reason: z.string().nullable() }).nullable(),
      datasets: z.array(datasetFactsSchema),
      freeBytes: z.number().nullable(),
      companions: z.array(companionFactsSchema).nullish(),
      /** Why it could not. */
      problem: wireErrorSchema.nullish(),
      /** The box's policy: what takes longer by estimate is to be confirmed. */
      confirmHours: z.number().nullish(),
      /** What the document's base model is on this box; null where it names none. */
      model: z
        .object({
          resolved: z.boolean(),
          source: z.enum(["direct-path", "model-root", "hub"]).nullable(),
          path: z.string().max(1_000).nullable(),
          /** Of a folder: whether it holds the parts of a transformer; null for anything else. */
          partsThere: z.boolean().nullable(),
        })
        .nullish(),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Configs that lie on the box, saved by nobody here. */
  "list-configs": operation({
    args: z.object({}),
    value: z.object({ configs: z.array(boxConfigRowSchema), more: z.boolean() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  "read-config": operation({
    args: z.object({ name }),
    value: z.object({ config: boxConfigSchema.nullable() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  "read-log": operation({
    args: z.object({
      jobId: id,
      attempt: z.int().min(1).nullable(),
      stream: z.enum(["both", "stdout", "stderr"]),
      lines: z.int().min(1).max(limits.logLinesMax),
      grep: z.string().max(200).nullable(),
      around: z.string().max(200).nullable(),
      // What may be missing came later than the rest: the other end may be of the release before.
      /** `shared/logs/log-since.ts` reads it. */
      since: z.string().max(200).nullish(),
      context: z.int().min(0).max(limits.logContextLines).nullish(),
      /** The answer's lines must fit in here, so that the cursor stands behind the last one shown. */
      room: z
        .object({
          characters: z.int().min(0),
          lineCharacters: z.int().min(1).nullable(),
          withObjects: z.boolean(),
        })
        .nullish(),
    }),
    value: z.object({
      /** stdout's, then stderr's: two files, nobody knows how their lines were mixed. */
      lines: z.array(logLineSchema),
      /** Of the files that were read; null where they are too large to count. */
      totalLines: z.int().nullable(),
      /** There is more than `lines`: older without `since`, newer behind the cursor with it. */
      truncated: z.boolean(),
      readBytes: bytes,
      firstError: z.string().nullable(),
      attempt: z.int().min(1).optional(),
      /** The first error among what stands beside it. */
      errorContext: z.array(logLineSchema).optional(),
      /** Behind the last line given. */
      cursor: z.string().max(200).optional(),
      /** Frames and lines that still have no end; they come whole later. */
      unfinished: z.array(z.object({ stream: logStream, text: z.string() })).optional(),
      /** A file was truncated or replaced since the cursor: it was read from its beginning. */
      reset: z.boolean().optional(),
      /** Streams whose lines carry no time, where one was asked for: their newest lines are given. */
      undated: z.array(logStream).optional(),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** One picture of many, for a reader that looks at them: steps to the right, prompts downwards. */
  "sample-sheet": operation({
    args: z.object({
      jobId: id,
      steps: z.array(z.int().min(0)).min(1).max(limits.sheetSteps),
      prompts: z.array(z.int().min(0)).min(1).max(limits.sheetPrompts),
      pictures: z
        .array(
          z.object({
            step: z.int().min(0),
            index: z.int().min(0),
            /** Below the outputs root. */
            segments: z.array(z.string().min(1).max(255)).min(1).max(8),
          }),
        )
        .min(1)
        .max(limits.sheetSteps * limits.sheetPrompts),
    }),
    value: z.object({
      name: z.string(),
      /** Base64; the file stays on the box as well, for a link. */
      jpeg: z.string().max(limits.sheetBytes * 2),
      bytes,
      width: z.int().min(1),
      height: z.int().min(1),
      sha256,
      modifiedAtMs: z.number(),
      /** Pictures that could not be read. */
      missing: z.int().min(0),
    }),
    changes: false,
    timeoutMs: limits.sheetMs + 5_000,
  }),
  "describe-file": operation({
    args: z.object({ source: fileSourceSchema, hash: z.boolean() }),
    value: z.object({
      filename: z.string(),
      path: z.string(),
      bytes,
      sha256: sha256.nullable(),
      mediaType: z.string(),
      modifiedAtMs: z.number(),
      metadata: z.record(z.string(), z.string()).nullable(),
      /** A file beside the model; missing or null: its own header. */
      metadataSource: z.string().nullish(),
    }),
    changes: false,
    /** Hashing some gigabytes takes a while. */
    timeoutMs: 120_000,
  }),
  /** The box fetches one part of an upload from the Transfer and answers when it is verified and on disk. */
  "receive-part": operation({
    args: z.object({
      transferId: id,
      ticket: id,
      target: transferTarget,
      part: z.int().min(0).max(10_000),
      offset: bytes,
      bytes,
      /** Of the whole file, known from its first part on. */
      totalBytes: bytes.nullish(),
      /** What the caller declared; null when it declared nothing. */
      sha256: sha256.nullable(),
      /** With this part the file is whole: `totalBytes` long, and this is its hash when the caller declared one. */
      last: z.object({ totalBytes: bytes, sha256: sha256.nullable() }).nullable(),
    }),
    value: z.object({ sha256, storedBytes: bytes, ...uploadEnd }),
    changes: false,
    /** Ended by silence, not by this: a part on a slow line, waiting behind another, takes its time. */
    timeoutMs: 3_600_000,
  }),
  /** Which bytes of an upload are on disk, and what became of it. */
  "upload-state": operation({
    args: z.object({
      transferId: id,
      target: transferTarget,
      /** With both: a file of that name and content which is there already is complete. */
      totalBytes: bytes.nullish(),
      sha256: sha256.nullish(),
    }),
    value: z.object({
      storedBytes: bytes,
      ...uploadEnd,
      complete: uploadEnd.complete.optional(),
      problem: problemSchema.nullish(),
      /** Another file has that name, and this one would take its place. */
      nameTaken: z.boolean().optional(),
    }),
    changes: false,
    /** A file that may be there already is hashed first. */
    timeoutMs: 120_000,
  }),
  /** What is in a dataset, for who uploads to it. */
  "dataset-files": operation({
    args: z.object({ dataset: name, limit: z.int().min(1).max(limits.datasetFilesShown) }),
    value: z.object({
      images: z.int().min(0),
      captions: z.int().min(0),
      files: z.array(z.object({ name: z.string(), bytes })),
      truncated: z.boolean(),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** The box posts a range of a file to the Transfer in parts; answers when the last one is taken. */
  "send-file": operation({
    args: z.object({
      transferId: id,
      ticket: id,
      source: fileSourceSchema,
      start: bytes,
      end: bytes,
      partBytes: z.int().min(1),
    }),
    value: z.object({ sentBytes: bytes }),
    changes: false,
    timeoutMs: 24 * 3_600_000,
  }),
  /** A verified copy of a model to where ComfyUI finds it, or below the outputs; the model's own place where neither is said. */
  "export-model": operation({
    args: z.object({
      source: fileSourceSchema,
      outputPath: z.string().min(1).max(1_000).nullable(),
      overwrite: z.boolean(),
    }),
    value: z.object({
      path: z.string(),
      filename: z.string(),
      bytes,
      sha256,
      /** False: it lay there already. */
      copied: z.boolean(),
      place: z.enum(["comfyui", "outputs", "source"]),
      sourcePath: z.string(),
    }),
    changes: true,
    /** Some gigabytes to a slow disk; a caller waits less and calls again. */
    timeoutMs: 600_000,
  }),
  /** A run of a language-model project, as its folder on the box keeps it. */
  "read-run": operation({
    args: z.object({ project: z.string().min(1).max(1_000), runId: z.string().min(1).max(100) }),
    value: z.object({
      /** As other calls name it. */
      project: z.string(),
      path: z.string(),
      runId: z.string(),
      config: document,
      data: runDataSchema,
      /** Those with whole adapters. */
      trained: z.array(z.int()),
    }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** What an evaluation or an export wrote down; null: nothing that can be read. */
  "read-result": operation({
    args: z.object({ jobId: id, kind: z.enum(["evaluation", "export"]) }),
    value: z.object({ path: z.string(), result: document.nullable() }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** Lines for a file of alerts on the box, written once per delivery however often it is asked for. */
  "append-alerts": operation({
    args: z.object({
      deliveryId: id,
      /** A plain name below the home's alerts folder. */
      file: z.string().min(1).max(limits.filenameBytes),
      lines: z.array(z.record(z.string(), z.unknown())).min(1).max(limits.alertsPerCall),
    }),
    value: z.object({ path: z.string(), written: z.int().min(0) }),
    changes: true,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** A report's files below `outputs/reports`, one name for all; never over a file that is there. */
  "write-report": operation({
    args: z.object({
      folder: z.array(name).max(limits.reportFolders),
      name: z.string().min(1).max(limits.filenameBytes),
      files: z
        .array(
          z.object({
            extension: z.enum(["json", "md", "html"]),
            text: z.string().max(limits.reportCharacters),
          }),
        )
        .min(1)
        .max(3),
    }),
    /** In the order of the files. */
    value: z.object({ paths: z.array(z.string()) }),
    changes: false,
    timeoutMs: limits.callTimeoutMs,
  }),
  /** A tool whose handler runs on the box and changes nothing. */
  tool: toolOperation(false),
  /** One that changes files of the box: ledgered, so that one call has one effect. */
  "change-tool": toolOperation(true),
} as const;

export type OperationName = keyof typeof operations;
export type OperationArgs<Name extends OperationName> = z.output<(typeof operations)[Name]["args"]>;
export type OperationValue<Name extends OperationName> = z.output<
  (typeof operations)[Name]["value"]
>;

export function isOperationName(value: string): value is OperationName {
  return Object.hasOwn(operations, value);
}
