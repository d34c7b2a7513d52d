import { z } from "zod";
import { limits } from "../../limits.ts";
import { wireErrorSchema } from "../wire-error.ts";
import { document, id, operation } from "./operation.ts";

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

export const preflightOperations = {
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
} as const;
