/** What a client lists without asking anybody: the guides, and the forms of the addresses. */
import { troubleshootingGuide } from "../logs/failure/troubleshooting.ts";
import type { CompletionSubject } from "../prompts/define-prompt.ts";
import { trainingGuide } from "../training/training-guide.ts";
import { resourceUri } from "./resource-uri.ts";

/** One entry of MCP's resources/list. */
export interface ResourceListEntry {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
  /** ISO instant of the last change, where it is known. */
  readonly annotations?: { readonly lastModified: string };
}

export interface Guide extends ResourceListEntry {
  /** Made anew at each call, some milliseconds: the caller keeps it. */
  readonly render: () => string;
}

export const guideMediaType = "text/markdown";

const guide = (entry: Omit<Guide, "uri" | "mimeType">): Guide => ({
  ...entry,
  uri: resourceUri({ kind: "guide", guide: entry.name }),
  mimeType: guideMediaType,
});

export const guides: readonly Guide[] = [
  guide({
    name: "training",
    title: "Training guide",
    description:
      "Pictures, captions, steps, rank, learning rate and test prompts for each family of models: what recommend-training-plan plans with.",
    render: trainingGuide,
  }),
  guide({
    name: "troubleshooting",
    title: "Troubleshooting",
    description:
      "Symptom, cause and fix of what makes trainings fail: what get-training-status names the cause by.",
    render: troubleshootingGuide,
  }),
];

/** One entry of MCP's resources/templates/list. */
interface ResourceTemplateEntry {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
}

interface Template {
  readonly entry: ResourceTemplateEntry;
  readonly completes: Readonly<Record<string, CompletionSubject>>;
}

export const configMediaType = "application/yaml";
export const reportMediaType = "text/markdown";

export const resourceTemplates: readonly Template[] = [
  {
    entry: {
      uriTemplate: "trainyard://configs/{name}",
      name: "config",
      title: "Training config",
      description: "A saved training config as YAML, as get-config gives it.",
      mimeType: configMediaType,
    },
    completes: { name: "config" },
  },
  {
    entry: {
      uriTemplate: "trainyard://jobs/{job_id}/report",
      name: "job-report",
      title: "Job report",
      description:
        "A job's report as Markdown, as export-observability-report gives it: health, trend, scores with evidence, next experiment.",
      mimeType: reportMediaType,
    },
    completes: { job_id: "job" },
  },
];
