import { statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import { jobIdPattern } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { parseFilename } from "@trainyard/shared/names.ts";
import { z } from "zod";
import { callTool } from "./door/call-tool.ts";
import { exits, exitsHelp, withExits } from "./door/exits.ts";
import { chooseTarget, targetFlags, targetHelp } from "./door/target.ts";
import { downloadFile } from "./transfer/download-file.ts";
import type { OfferedFile } from "./transfer/download-file.ts";
import { openLink } from "./transfer/link-request.ts";
import { amount, createProgressLine, shown, size } from "./transfer/progress-line.ts";
import { createStdoutWriter } from "./write-out.ts";
import { UsageError } from "./usage-error.ts";

const help = `trainyard download JOB|MODEL|LINK [--output FILE]: fetches a model from the box and verifies it

  JOB                 a job's id or name: its final model, or with --kind something else of it
  MODEL               a model's name, or its path as list-exported-models shows it
  LINK                a download link that was made before; then no token is needed
  --kind KIND         model (default), checkpoint, sample or log
  --step N            of the checkpoint or sample; without it the newest
  --output FILE       or a folder, with / at its end; without it the file's own name here
  --overwrite         replace another file that is there
  --agent ID          which box, where there are several
  --json              one line of JSON at the end

${targetHelp}
It goes on after a break, also in a later run, and the file gets its name only when its SHA-256 is right.
${exitsHelp}
`;

const offerSchema = z.looseObject({
  download_url: z.string(),
  filename: z.string(),
  size: z.number(),
  sha256: z.string().nullable(),
});

interface Offer extends OfferedFile {
  readonly filename: string;
}

/** `trainyard download`: a model, with ranges, resume and its hash. */
export async function downloadCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...targetFlags,
      kind: { type: "string" },
      step: { type: "string" },
      output: { type: "string", short: "o" },
      overwrite: { type: "boolean", default: false },
      agent: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const write = createStdoutWriter();
  if (values.help) {
    await write(help);
    return exits.ok;
  }
  return withExits("download", async () => {
    const [what, ...more] = positionals;
    if (what === undefined || what === "")
      throw new UsageError("Which model? Give a job or a name.");
    if (more.length > 0) throw new UsageError("One model at a time.");
    const offer = /^https?:\/\//.test(what)
      ? () => offerOfLink(what)
      : offerOf(wishOf(what, values), chooseTarget(values));
    const first = await offer();
    const output = outputOf(values.output, first.filename);
    const line = createProgressLine(values.json);
    const startedAt = performance.now();
    let isFirst = true;
    const done = await downloadFile({
      link: async () => {
        if (!isFirst) return offer();
        isFirst = false;
        return first;
      },
      output,
      overwrite: values.overwrite,
      signal: new AbortController().signal,
      onReceived: (have, total) => line.show(amount(have, total, startedAt)),
    }).finally(() => line.end());
    const { status, bytes, sha256 } = done;
    const result = { ok: true, exit_code: exits.ok, status, path: output, size: bytes, sha256 };
    await write(
      values.json
        ? `${JSON.stringify({ ...result, received_bytes: done.receivedBytes })}\n`
        : `${status === "already_there" ? "There already" : "Downloaded"}: ${shown(output)} (${size(bytes)})${sha256 === null ? "" : `, SHA-256 ${sha256} verified`}\n`,
    );
    return exits.ok;
  });
}

function wishOf(
  what: string,
  values: { readonly kind?: string; readonly step?: string; readonly agent?: string },
): Record<string, unknown> {
  const kind = values.kind ?? "model";
  if (!["model", "checkpoint", "sample", "log"].includes(kind)) {
    throw new UsageError("--kind is model, checkpoint, sample or log.");
  }
  if (values.step !== undefined && !/^\d{1,9}$/.test(values.step)) {
    throw new UsageError("--step is a whole number.");
  }
  const named = jobIdPattern.test(what)
    ? { job_id: what }
    : what.includes("/")
      ? { model_path: what }
      : { model_name: what };
  return {
    kind,
    ...named,
    ...(values.step === undefined ? {} : { step: Number(values.step) }),
    ...(values.agent === undefined ? {} : { agent: values.agent }),
    expires_in_seconds: limits.linkSecondsMax,
  };
}

function offerOf(
  wish: Readonly<Record<string, unknown>>,
  target: ReturnType<typeof chooseTarget>,
): () => Promise<Offer> {
  return async () => {
    const offer = await callTool(target, "create-download-link", wish, offerSchema);
    const { download_url: url, filename, size: bytes, sha256 } = offer;
    return { url, filename, bytes, sha256 };
  };
}

/** What a link says of its file, from a look at its first byte. */
async function offerOfLink(url: string): Promise<Offer> {
  const answer = await openLink(url, {
    method: "GET",
    headers: { range: "bytes=0-0", "accept-encoding": "identity" },
    signal: AbortSignal.timeout(limits.transferIdleMs),
  });
  for await (const _byte of answer.body);
  const header = (name: string): string => String(answer.headers[name] ?? "");
  const bytes = Number(/\/(\d+)$/.exec(header("content-range"))?.[1] ?? Number.NaN);
  if (answer.status !== 206 || !Number.isSafeInteger(bytes)) {
    throw new AppError("LINK_INVALID", "This is no download link of a Trainyard.", {
      hint: "Copy the whole address that create-download-link gave.",
    });
  }
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(header("content-disposition"))?.[1] ?? "";
  const sha256 = /^"([0-9a-f]{64})"$/.exec(header("etag"))?.[1] ?? null;
  return { url, bytes, sha256, filename: decodeURIComponent(encoded) };
}

/** The name comes from elsewhere: it is a file name or nothing. */
function outputOf(given: string | undefined, filename: string): string {
  const name = (): string => parseFilename(basename(filename));
  if (given === undefined) return resolve(name());
  const isFolder =
    /[/\\]$/.test(given) || (statSync(given, { throwIfNoEntry: false })?.isDirectory() ?? false);
  return isFolder ? join(resolve(given), name()) : resolve(given);
}
