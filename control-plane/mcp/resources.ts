import type {
  ListResourcesResult,
  ListResourceTemplatesResult,
  ReadResourceResult,
} from "@modelcontextprotocol/server";
import { reportMarkdown } from "@trainyard/shared/analysis/report/report-markdown.ts";
import { AppError } from "@trainyard/shared/errors.ts";
import { isTerminal } from "@trainyard/shared/jobs/state.ts";
import { limits } from "@trainyard/shared/limits.ts";
import {
  configMediaType,
  guideMediaType,
  guides,
  reportMediaType,
  resourceTemplates,
} from "@trainyard/shared/resources/registry.ts";
import type { Guide, ResourceListEntry } from "@trainyard/shared/resources/registry.ts";
import { parseResourceUri, resourceUri } from "@trainyard/shared/resources/resource-uri.ts";
import { stringify } from "yaml";
import type { JobView } from "../hub/hub.ts";
import { unwrap } from "../outcome.ts";
import type { EdgeContext } from "../tools/context.ts";
import { guideText } from "../tools/guide-text.ts";
import { makeReport, usualWish } from "../tools/report-export.ts";
import { readSavedConfig } from "../tools/saved-config.ts";
import { iso } from "../tools/words.ts";
import { cacheFields, readContext } from "./mcp-door.ts";
import type { CacheHint, McpDoor } from "./mcp-door.ts";
import { resourceMissing } from "./protocol-errors.ts";

/** The guides of a release are the same for everybody. */
const guideCache: CacheHint = { ttlMs: limits.staticTtlMs, cacheScope: "public" };

const templates: ListResourceTemplatesResult = {
  resourceTemplates: resourceTemplates.map(({ entry }) => ({ ...entry })),
};

export function listTemplates(): ListResourceTemplatesResult {
  return templates;
}

/** The guides, then the newest job reports, then every saved config; all pages together are bounded. */
export async function listResources(
  door: McpDoor,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<ListResourcesResult> {
  const context = readContext(door, signal, limits.mcpWaitMs);
  const from = parseCursor(cursor);
  const resources: ResourceListEntry[] = [];
  if (cursor === undefined) resources.push(...guides.map(listed));
  let next: string | null = null;
  if (from.kind === "jobs") {
    const count = Math.min(
      limits.resourcesPage - resources.length,
      limits.reportsListed - from.seen,
    );
    const page = unwrap(
      await context.hub.listJobs({
        states: null,
        agentId: null,
        limit: count,
        before: from.before,
      }),
    );
    resources.push(...page.jobs.map(reportEntry));
    const seen = from.seen + page.jobs.length;
    if (page.next !== null && seen < limits.reportsListed) next = `jobs.${page.next}.${seen}`;
  }
  if (next === null) {
    const room = limits.resourcesPage - resources.length;
    const after = from.kind === "configs" ? from.after : "";
    const names = unwrap(await context.hub.browse("configs", { after, count: room + 1 }));
    const shown = names.slice(0, room);
    resources.push(
      ...shown.map(({ name, updatedAtMs }) => ({
        uri: resourceUri({ kind: "config", name }),
        name: `config-${name}`,
        title: name,
        description: "A saved training config.",
        mimeType: configMediaType,
        annotations: { lastModified: iso(updatedAtMs) },
      })),
    );
    if (names.length > room) next = `configs.${shown.at(-1)?.name.toLowerCase() ?? after}`;
  }
  return { resources: [...resources], ...(next === null ? {} : { nextCursor: next }) };
}

type Place =
  | { readonly kind: "jobs"; readonly before: number | null; readonly seen: number }
  | { readonly kind: "configs"; readonly after: string };

function parseCursor(cursor: string | undefined): Place {
  if (cursor === undefined) return { kind: "jobs", before: null, seen: 0 };
  const jobs = /^jobs\.(\d{1,15})\.(\d{1,4})$/.exec(cursor);
  const seen = Number(jobs?.[2] ?? 0);
  if (jobs !== null && seen < limits.reportsListed) {
    return { kind: "jobs", before: Number(jobs[1]), seen };
  }
  const configs = /^configs\.([\w.-]{0,100})$/.exec(cursor);
  if (configs !== null) return { kind: "configs", after: configs[1] ?? "" };
  throw new AppError("INVALID_ARGUMENT", "cursor is not one of ours.", {
    hint: "Pass nextCursor of the last answer, or leave it out.",
    details: { field: "cursor" },
  });
}

function listed({ render: _render, ...entry }: Guide): ResourceListEntry {
  return entry;
}

function reportEntry({ summary }: JobView): ResourceListEntry {
  const changedAtMs = summary.endedAtMs ?? summary.observedAtMs ?? summary.createdAtMs;
  return {
    uri: resourceUri({ kind: "report", jobId: summary.jobId }),
    name: `report-${summary.jobId}`,
    title: `${summary.jobName} (${summary.state})`,
    description: "The report of a job.",
    mimeType: reportMediaType,
    annotations: { lastModified: iso(changedAtMs) },
  };
}

/** Throws the protocol's error for an address that names nothing. */
export async function readResource(
  door: McpDoor,
  uri: string,
  signal: AbortSignal,
): Promise<ReadResourceResult> {
  const context = readContext(door, signal, limits.mcpWaitMs);
  try {
    const { text, mimeType, cache } = await read(uri, context);
    return { contents: [{ uri, mimeType, text }], ...cacheFields(door, cache) };
  } catch (error) {
    throw error instanceof AppError ? resourceMissing(uri, error) : error;
  }
}

interface Contents {
  readonly text: string;
  readonly mimeType: string;
  readonly cache: CacheHint;
}

async function read(uri: string, context: EdgeContext): Promise<Contents> {
  const address = parseResourceUri(uri);
  switch (address?.kind) {
    case "guide":
      return guideContents(address.guide);
    case "config": {
      const { document } = await readSavedConfig(context, address.name);
      return {
        text: stringify(document),
        mimeType: configMediaType,
        cache: { ttlMs: limits.listTtlMs, cacheScope: "private" },
      };
    }
    case "report": {
      const { run, report } = await makeReport(usualWish(address.jobId), context);
      const ended = isTerminal(run.view.summary.state);
      return {
        text: reportMarkdown(report),
        mimeType: reportMediaType,
        cache: {
          ttlMs: ended ? limits.endedReportTtlMs : limits.listTtlMs,
          cacheScope: "private",
        },
      };
    }
    case undefined:
      throw unknownAddress();
  }
}

function guideContents(name: string): Contents {
  const text = guideText(name);
  if (text === null) throw unknownAddress();
  return { text, mimeType: guideMediaType, cache: guideCache };
}

function unknownAddress(): AppError {
  return new AppError("RESOURCE_NOT_FOUND", "There is no resource at that address.", {
    hint: "resources/list has the addresses, resources/templates/list their forms.",
  });
}
