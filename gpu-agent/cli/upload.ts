import { parseArgs } from "node:util";
import { AppError } from "@trainyard/shared/errors.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { z } from "zod";
import { exits, exitsHelp, withExits } from "./door/exits.ts";
import type { Exit } from "./door/exits.ts";
import { callTool } from "./door/call-tool.ts";
import { chooseTarget, targetFlags, targetHelp } from "./door/target.ts";
import { chooseDataset, chooseFiles } from "./transfer/choose-files.ts";
import type { Chosen, ChosenFile } from "./transfer/choose-files.ts";
import { askLink } from "./transfer/link-request.ts";
import { amount, createProgressLine, shown, size } from "./transfer/progress-line.ts";
import { uploadFile } from "./transfer/upload-file.ts";
import type { UploadWish } from "./transfer/upload-file.ts";
import { createStdoutWriter } from "./write-out.ts";
import { UsageError } from "./usage-error.ts";

const help = `trainyard upload FOLDER|FILE... [--dataset NAME]: puts pictures and captions into a dataset on the box

  --dataset NAME      without it the folder's name, or that of a .zip
  --link URL          an upload link that was made before; then no token is needed
  --agent ID          which box, where there are several
  --json              one line of JSON at the end

${targetHelp}
Files go in verified parts and on after a break, also in a later run; what the dataset has already is not sent again. A .zip is unpacked
on the box. Files of sub-folders are not taken.
${exitsHelp}
`;

interface FileResult {
  readonly filename: string;
  readonly status: "uploaded" | "already_there" | "failed";
  readonly bytes: number;
  readonly [more: string]: unknown;
}

const linkSchema = z.looseObject({ upload_url: z.string() });
const placeSchema = z.looseObject({
  dataset_name: z.string(),
  files: z.array(z.looseObject({ name: z.string() })),
  truncated: z.boolean(),
});

/** `trainyard upload`: through the same links as a browser or curl. */
export async function uploadCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...targetFlags,
      dataset: { type: "string" },
      link: { type: "string" },
      agent: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    await createStdoutWriter()(help);
    return exits.ok;
  }
  return withExits("upload", async () => {
    if (values.link !== undefined && values.dataset !== undefined) {
      throw new UsageError("A link is for one dataset: leave --dataset out.");
    }
    if (values.link !== undefined && !/^https?:\/\//.test(values.link)) {
      throw new UsageError("--link is an address that begins with http:// or https://.");
    }
    const chosen = chooseFiles(positionals);
    const run = async (link: string): Promise<Exit> =>
      report(await uploadAll(link, chosen.files, values.json), chosen, values.json);
    return values.link === undefined ? withLink(values, chosen, run) : run(values.link);
  });
}

type Values = Parameters<typeof chooseTarget>[0] & {
  readonly dataset?: string;
  readonly agent?: string;
};

/** Runs `use` with a link of its own, which is taken back afterwards. */
async function withLink(
  values: Values,
  chosen: Chosen,
  use: (link: string) => Promise<Exit>,
): Promise<Exit> {
  const target = chooseTarget(values);
  const { upload_url: link } = await callTool(
    target,
    "create-upload-link",
    {
      dataset_name: chooseDataset(values.dataset, chosen),
      // The longest there is: a whole dataset over a home's line takes its time.
      expires_in_seconds: limits.linkSecondsMax,
      ...(values.agent === undefined ? {} : { agent: values.agent }),
    },
    linkSchema,
  );
  try {
    return await use(link);
  } finally {
    // It ends by itself as well.
    await callTool(target, "revoke-link", { url: link }, z.looseObject({})).catch(() => undefined);
  }
}

interface Uploaded {
  readonly dataset: string;
  readonly results: readonly FileResult[];
  readonly sentBytes: number;
}

async function uploadAll(
  link: string,
  files: readonly ChosenFile[],
  quiet: boolean,
): Promise<Uploaded> {
  const { signal } = new AbortController();
  const { said } = await askLink(link, {
    method: "GET",
    headers: { accept: "application/json" },
    signal,
  });
  const place = placeSchema.parse(said);
  const names = new Set(place.files.map(({ name }) => name));
  const line = createProgressLine(quiet);
  const startedAt = performance.now();
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const results: FileResult[] = [];
  let sentBytes = 0;
  let doneBytes = 0;
  const paint = (): void =>
    line.show(`${results.length} of ${files.length} files  ${amount(doneBytes, total, startedAt)}`);
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { path, name, bytes } = file;
      let sent = 0;
      const result = await uploadOne({
        link,
        path,
        name,
        mayBeThere: place.truncated || names.has(name),
        signal,
        onSent: (count) => {
          sent += count;
          sentBytes += count;
          doneBytes += count;
          paint();
        },
      });
      results.push(result);
      doneBytes += bytes - sent;
      paint();
    }
  };
  await Promise.all(Array.from({ length: limits.uploadsAtOnce }, work));
  line.end();
  return {
    dataset: place.dataset_name,
    results: results.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)),
    sentBytes,
  };
}

/** What one file is refused for ends that file; what every file would meet ends the command. */
async function uploadOne(wish: UploadWish): Promise<FileResult> {
  try {
    const done = await uploadFile(wish);
    return {
      filename: wish.name,
      status: done.status,
      bytes: done.bytes,
      sha256: done.sha256,
      stored_as: done.storedAs,
      change: done.change,
      ...(done.archive === null || done.archive === undefined ? {} : { archive: done.archive }),
    };
  } catch (error) {
    if (!(error instanceof AppError) || endsAll.has(error.code)) throw error;
    const { code, message, hint } = error;
    return { filename: wish.name, status: "failed", bytes: 0, code, message, hint: hint ?? null };
  }
}

const endsAll: ReadonlySet<string> = new Set([
  "CONTROL_PLANE_UNREACHABLE",
  "AGENT_OFFLINE",
  "IN_USE",
  "LINK_EXPIRED",
  "LINK_INVALID",
  "LINK_REVOKED",
  "LINK_USED",
  "STORAGE_FULL",
]);

async function report(
  { dataset, results, sentBytes }: Uploaded,
  chosen: Chosen,
  json: boolean,
): Promise<Exit> {
  const write = createStdoutWriter();
  const count = (status: FileResult["status"]): number =>
    results.filter((result) => result.status === status).length;
  const failed = count("failed");
  const exit = failed === 0 ? exits.ok : exits.failed;
  const summary = {
    ok: failed === 0,
    exit_code: exit,
    dataset_name: dataset,
    uploaded: count("uploaded"),
    already_there: count("already_there"),
    failed,
    sent_bytes: sentBytes,
    files: results,
    left_out: chosen.leftOut,
  };
  if (json) {
    await write(`${JSON.stringify(summary)}\n`);
    return exit;
  }
  const problems = [
    ...results.filter(({ status }) => status === "failed"),
    ...chosen.leftOut,
    ...results.flatMap(({ archive }) => skippedOf(archive)),
  ];
  for (const { filename, code, message } of problems) {
    await write(`${String(code)}  ${shown(filename)}: ${String(message)}\n`);
  }
  await write(
    `${summary.uploaded} uploaded (${size(sentBytes)}), ${summary.already_there} there already, ${failed} failed, ${chosen.leftOut.length} left out: dataset ${dataset}\n`,
  );
  return exit;
}

function skippedOf(archive: unknown): readonly FileResult[] {
  const parsed = z.looseObject({ skipped: z.array(skippedSchema) }).safeParse(archive);
  return (parsed.data?.skipped ?? []).map((entry) => ({ ...entry, status: "failed", bytes: 0 }));
}

const skippedSchema = z.looseObject({
  filename: z.string(),
  code: z.string(),
  message: z.string(),
});
