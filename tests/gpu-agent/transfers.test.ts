import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { operationHandlers } from "../../gpu-agent/operations/handlers.ts";
import { systemTime } from "../../gpu-agent/time.ts";
import { createHostFacts } from "../../gpu-agent/host/host-facts.ts";
import { parseGpus } from "../../gpu-agent/host/nvidia-smi.ts";
import { listDatasets } from "@trainyard/shared/tools/list-datasets.ts";
import { getSystemStats } from "@trainyard/shared/tools/get-system-stats.ts";
import { listExportedModels } from "@trainyard/shared/tools/list-exported-models.ts";
import { safetensors } from "../support/safetensors.ts";
import { openBox } from "./support/operation-box.ts";
import { temporaryFolder } from "./support/temporary-home.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function partArgs(
  part: number,
  offset: number,
  bytes: Uint8Array,
  more: Partial<OperationArgs<"receive-part">> = {},
): OperationArgs<"receive-part"> {
  return {
    transferId: "tr_1",
    ticket: "owner~1",
    target: { dataset: "photos", filename: "a.parquet" },
    part,
    offset,
    bytes: bytes.byteLength,
    sha256: sha256(bytes),
    last: null,
    ...more,
  };
}

test("parts arrive, survive repetition and a cut, and become one file only when whole", async () => {
  const whole = randomBytes(300_000);
  const parts = [whole.subarray(0, 200_000), whole.subarray(200_000)];
  let cut = false;
  const seen: (string | undefined)[] = [];
  const { home, context } = await openBox((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    const part = parts[Number(/parts\/(\d+)$/.exec(request.url ?? "")?.[1])] ?? Buffer.alloc(0);
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-length": part.byteLength,
    });
    if (!cut) return void response.end(part);
    response.write(part.subarray(0, 1_000), () => response.destroy());
  });
  const receive = operationHandlers["receive-part"];
  const state = () =>
    operationHandlers["upload-state"](
      { transferId: "tr_1", target: { dataset: "photos", filename: "a.parquet" } },
      context,
    );
  const [first, second] = parts as [Buffer, Buffer];
  const last = partArgs(1, 200_000, second, {
    last: { totalBytes: 300_000, sha256: sha256(whole) },
  });

  await expect(receive(last, context)).rejects.toMatchObject({
    code: "RANGE_INVALID",
    details: { expected: 0 },
  });
  expect(await receive(partArgs(0, 0, first), context)).toEqual({
    sha256: sha256(first),
    storedBytes: 200_000,
    complete: null,
  });
  expect(await receive(partArgs(0, 0, first), context)).toMatchObject({ storedBytes: 200_000 });
  cut = true;
  await expect(receive(last, context)).rejects.toMatchObject({ code: "TRANSFER_BROKEN" });
  expect(await state()).toMatchObject({ storedBytes: 200_000, complete: null });
  expect(readdirSync(home.datasets)).toEqual([]);
  cut = false;
  const done = await receive(last, context);
  expect(done.complete).toEqual({
    path: "datasets/photos/a.parquet",
    bytes: 300_000,
    sha256: sha256(whole),
  });
  expect(readFileSync(join(home.datasets, "photos", "a.parquet")).equals(whole)).toBe(true);
  expect((await receive(last, context)).complete).toEqual(done.complete);
  expect(seen[0]).toBe("GET /files/agent/tr_1/parts/0 Ticket owner~1");
});

test("another file in parts under the same link replaces the first one", async () => {
  let bodies: Buffer[] = [];
  const { home, context } = await openBox((request, response) => {
    response.end(bodies[Number(/parts\/(\d+)$/.exec(request.url ?? "")?.[1])]);
  });
  const receive = operationHandlers["receive-part"];
  const send = async (whole: Buffer) => {
    bodies = [whole.subarray(0, 600), whole.subarray(600)];
    const [first, second] = bodies as [Buffer, Buffer];
    await receive(partArgs(0, 0, first), context);
    return receive(
      partArgs(1, 600, second, { last: { totalBytes: whole.byteLength, sha256: null } }),
      context,
    );
  };

  await send(randomBytes(1_000));
  const changed = randomBytes(1_000);
  expect((await send(changed)).complete).toMatchObject({ sha256: sha256(changed) });
  expect(readFileSync(join(home.datasets, "photos", "a.parquet")).equals(changed)).toBe(true);
});

describe("the last part of a finished upload, repeated", () => {
  const whole = randomBytes(1_000);
  const second = whole.subarray(600);
  const last = partArgs(1, 600, second, { last: { totalBytes: 1_000, sha256: sha256(whole) } });
  const upload = async () => {
    const box = await openBox((request, response) => {
      response.end(request.url?.endsWith("/0") === true ? whole.subarray(0, 600) : second);
    });
    const receive = (args: OperationArgs<"receive-part">) =>
      operationHandlers["receive-part"](args, box.context);
    await receive(partArgs(0, 0, whole.subarray(0, 600)));
    const done = await receive(last);
    const stored = () =>
      operationHandlers["upload-state"](
        { transferId: "tr_1", target: { dataset: "photos", filename: "a.parquet" } },
        box.context,
      );
    return { receive, done, stored, path: join(box.home.datasets, "photos", "a.parquet") };
  };

  test("gets the answer that was lost, with the hash of the bytes that lie there", async () => {
    const { receive, done } = await upload();

    expect(await receive(last)).toEqual(done);
    expect(await receive({ ...last, sha256: null })).toEqual(done);
    expect(await receive(partArgs(1, 500, whole.subarray(500, 700)))).toEqual({
      ...done,
      sha256: sha256(whole.subarray(500, 700)),
    });
  });

  test.each([
    ["a hash of other bytes", { sha256: "0".repeat(64) }],
    ["another hash of the whole", { last: { totalBytes: 1_000, sha256: "0".repeat(64) } }],
  ])("with %s is another file, and the upload begins anew", async (_name, more) => {
    const { receive, stored } = await upload();

    await expect(receive({ ...last, ...more })).rejects.toMatchObject({
      code: "CHECKSUM_MISMATCH",
    });
    expect(await stored()).toMatchObject({ storedBytes: 0, complete: null });
  });

  test.each([
    ["removed", (path: string) => rmSync(path)],
    ["changed", (path: string) => writeFileSync(path, "something else")],
  ])("begins anew when the file was %s", async (_name, spoil) => {
    const { receive, stored, path } = await upload();
    spoil(path);

    await expect(receive(last)).rejects.toMatchObject({
      code: "RANGE_INVALID",
      details: { expected: 0 },
    });
    expect(await stored()).toMatchObject({ storedBytes: 0, complete: null });
  });

  test("with another total is refused, and the file stays", async () => {
    const { receive, stored } = await upload();

    await expect(
      receive({ ...last, last: { totalBytes: 2_000, sha256: null } }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(receive(partArgs(2, 1_000, second))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await stored()).toMatchObject({ storedBytes: 1_000 });
  });
});

test("parts of one upload that announce different totals are refused", async () => {
  const bytes = randomBytes(100);
  const { context } = await openBox((_request, response) => response.end(bytes));
  const receive = (part: number, totalBytes: number) =>
    operationHandlers["receive-part"](
      partArgs(part, part * 100, bytes, { last: { totalBytes, sha256: null } }),
      context,
    );

  expect(await receive(0, 300)).toMatchObject({ complete: null });
  await expect(receive(1, 200)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(/300 bytes.*200/),
  });
  expect(await receive(1, 300)).toMatchObject({ storedBytes: 200, complete: null });
});

test("bytes that are not what was announced leave nothing", async () => {
  const bytes = randomBytes(1_000);
  const { home, context } = await openBox((_request, response) => response.end(bytes));
  const receive = operationHandlers["receive-part"];
  const wrong = partArgs(0, 0, bytes, { sha256: "0".repeat(64) });
  await expect(receive(wrong, context)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  const wrongWhole = partArgs(0, 0, bytes, { last: { totalBytes: 1_000, sha256: "0".repeat(64) } });
  await expect(receive(wrongWhole, context)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  expect(existsSync(join(home.datasets, "photos"))).toBe(false);
});

test.each([
  [{ dataset: "..", filename: "a.parquet" }, "INVALID_NAME"],
  [{ dataset: "photos", filename: "../a.parquet" }, "INVALID_FILENAME"],
  [{ dataset: "photos", filename: ".hidden" }, "INVALID_FILENAME"],
  [{ dataset: "a/b", filename: "a.parquet" }, "INVALID_NAME"],
])("an upload to %j is refused", async (target, code) => {
  const { context } = await openBox();
  await expect(
    operationHandlers["receive-part"](partArgs(0, 0, Buffer.alloc(1), { target }), context),
  ).rejects.toMatchObject({ code });
});

test("a dataset that is a link, or a twin in another case, is not written to", async () => {
  const bytes = randomBytes(10);
  const { home, context } = await openBox((_request, response) => response.end(bytes));
  const outside = temporaryFolder();
  symlinkSync(outside, join(home.datasets, "photos"));
  const args = partArgs(0, 0, bytes, { last: { totalBytes: 10, sha256: null } });
  await expect(operationHandlers["receive-part"](args, context)).rejects.toMatchObject({
    code: "PATH_ESCAPE",
  });
  expect(readdirSync(outside)).toEqual([]);
  mkdirSync(join(home.datasets, "Cats"));
  const twin = { ...args, transferId: "tr_2", target: { dataset: "cats", filename: "a.parquet" } };
  await expect(operationHandlers["receive-part"](twin, context)).rejects.toMatchObject({
    code: "NAME_CONFLICT",
  });
});

/** Takes parts as a Transfer does: each byte once, in order, and each part's hash looked at. */
function takeParts(first: number, cutAt: readonly number[] = []) {
  const got: Buffer[] = [];
  const parts: { bytes: number; rightHash: boolean }[] = [];
  const cuts = [...cutAt];
  let have = first;
  return {
    got,
    parts,
    handler: (request: IncomingMessage, response: ServerResponse) => {
      const bytes = Number(request.headers["x-part-bytes"]);
      if (Number(request.headers["x-part-offset"]) !== have) {
        request.resume();
        response
          .writeHead(409, { "content-type": "application/json" })
          .end(JSON.stringify({ ok: false, expected: have }));
        return;
      }
      const part: Buffer[] = [];
      const tail: Buffer[] = [];
      let left = bytes;
      request.on("data", (chunk: Buffer) => {
        if (cuts[0] !== undefined && have > cuts[0]) {
          cuts.shift();
          return void request.destroy();
        }
        const data = chunk.subarray(0, left);
        if (chunk.byteLength > left) tail.push(chunk.subarray(left));
        left -= data.byteLength;
        have += data.byteLength;
        part.push(data);
        got.push(data);
      });
      request.on("end", () => {
        const rightHash = sha256(Buffer.concat(part)) === Buffer.concat(tail).toString("hex");
        parts.push({ bytes, rightHash });
        response.end(JSON.stringify({ ok: true, expected: have }));
      });
    },
  };
}

const sendArgs = (more: Partial<OperationArgs<"send-file">> = {}): OperationArgs<"send-file"> => ({
  transferId: "tr_1",
  ticket: "t",
  source: { kind: "output", segments: ["job", "m.safetensors"] },
  start: 0,
  end: 400_000,
  partBytes: 100_000,
  ...more,
});

test("a file is sent in parts with their hashes and goes on where the edge says after a cut", async () => {
  const whole = randomBytes(500_000);
  const edge = takeParts(1_000, [250_000, 300_000]);
  const { home, context } = await openBox(edge.handler);
  mkdirSync(join(home.outputs, "job"));
  writeFileSync(join(home.outputs, "job", "m.safetensors"), whole);

  const sent = await operationHandlers["send-file"](sendArgs({ start: 1_000 }), context);

  expect(sent).toEqual({ sentBytes: 399_000 });
  expect(Buffer.concat(edge.got).equals(whole.subarray(1_000, 400_000))).toBe(true);
  expect(edge.parts[0]).toEqual({ bytes: 100_000, rightHash: true });
  expect(edge.parts.every((part) => part.rightHash)).toBe(true);
});

test("a file that is written to while it is sent is not sent to its end", async () => {
  const edge = takeParts(0);
  let path = "";
  let asked = 0;
  const { home, context } = await openBox((request, response) => {
    asked += 1;
    if (asked === 2) writeFileSync(path, randomBytes(500_000));
    edge.handler(request, response);
  });
  mkdirSync(join(home.outputs, "job"));
  path = join(home.outputs, "job", "m.safetensors");
  writeFileSync(path, randomBytes(500_000));
  utimesSync(path, 1, 1);

  await expect(operationHandlers["send-file"](sendArgs(), context)).rejects.toMatchObject({
    code: "TRANSFER_BROKEN",
    message: expect.stringContaining("changed") as string,
  });
  expect(Buffer.concat(edge.got).byteLength).toBeLessThan(400_000);
});

test("a sending that is asked for again ends the older one", async () => {
  const edge = takeParts(0);
  const first = Promise.withResolvers<void>();
  let asked = 0;
  const { home, context } = await openBox((request, response) => {
    // The first request hangs, as on a connection that is dead and does not know it.
    if ((asked += 1) === 1) first.resolve();
    else edge.handler(request, response);
  });
  mkdirSync(join(home.outputs, "job"));
  writeFileSync(join(home.outputs, "job", "m.safetensors"), randomBytes(400_000));
  const send = operationHandlers["send-file"];

  const older = Promise.resolve(send(sendArgs(), context)).catch((error: unknown) => error);
  await first.promise;
  const newer = await send(sendArgs(), context);

  expect(newer).toEqual({ sentBytes: 400_000 });
  expect(await older).toMatchObject({ code: "TRANSFER_BROKEN" });
});

test("a transfer that nobody wants any more is given up", async () => {
  const { home, context } = await openBox((request, response) => {
    request.resume();
    response.writeHead(410).end("{}");
  });
  writeFileSync(join(home.outputs, "m.bin"), "abc");
  const source = { kind: "output" as const, segments: ["m.bin"] };
  const send = operationHandlers["send-file"];
  await expect(
    send({ transferId: "t", ticket: "t", source, start: 0, end: 3, partBytes: 9 }, context),
  ).rejects.toMatchObject({ code: "TRANSFER_BROKEN" });
  await expect(
    send({ transferId: "t", ticket: "t", source, start: 0, end: 4, partBytes: 9 }, context),
  ).rejects.toMatchObject({ code: "RANGE_INVALID" });
});

test("a file is described with its hash; what is outside the outputs is not there", async () => {
  const { home, context } = await openBox();
  writeFileSync(join(home.outputs, "a.png"), "abc");
  const describe = operationHandlers["describe-file"];
  expect(
    await describe({ source: { kind: "output", segments: ["a.png"] }, hash: true }, context),
  ).toMatchObject({
    filename: "a.png",
    path: "outputs/a.png",
    bytes: 3,
    sha256: sha256(Buffer.from("abc")),
    mediaType: "image/png",
  });
  for (const segments of [["..", "agent", "identity.json"], ["../agent/identity.json"]]) {
    await expect(
      describe({ source: { kind: "output", segments }, hash: false }, context),
    ).rejects.toMatchObject({ code: "PATH_ESCAPE" });
  }
});

test("a model's metadata is its header's, or that of a file beside it", async () => {
  const { home, context } = await openBox();
  const describe = async (name: string) => {
    const source = { kind: "output" as const, segments: [name] };
    const { metadata, metadataSource } = await operationHandlers["describe-file"](
      { source, hash: false },
      context,
    );
    return { metadata, metadataSource };
  };
  writeFileSync(join(home.outputs, "a.safetensors"), safetensors(Buffer.from("x"), { step: "1" }));
  writeFileSync(join(home.outputs, "a.json"), '{"step": "2"}');
  writeFileSync(join(home.outputs, "b.safetensors"), safetensors(Buffer.from("x")));
  writeFileSync(join(home.outputs, "b.metadata.json"), '{"rank": 16, "name": "b"}');
  writeFileSync(join(home.outputs, "c.safetensors"), safetensors(Buffer.from("x")));
  writeFileSync(join(home.outputs, "c.json"), "{");
  symlinkSync("/etc/hostname", join(home.outputs, "c.metadata.json"));

  expect(await describe("a.safetensors")).toEqual({
    metadata: { step: "1" },
    metadataSource: null,
  });
  expect(await describe("b.safetensors")).toEqual({
    metadata: { rank: "16", name: "b" },
    metadataSource: "b.metadata.json",
  });
  expect(await describe("c.safetensors")).toEqual({ metadata: {}, metadataSource: null });
});

test("the box's tools answer in their contracts", async () => {
  const { home, context } = await openBox();
  const photos = join(home.datasets, "photos");
  mkdirSync(photos);
  for (const name of ["a.png", "a.txt", "b.JPG", "c.png", ".DS_Store"])
    writeFileSync(join(photos, name), "x");
  writeFileSync(join(photos, "b.txt"), "  \n");
  mkdirSync(join(home.outputs, "job"));
  writeFileSync(join(home.outputs, "job", "job.safetensors"), "broken");
  const tool = (name: string, given: Record<string, unknown> = {}) =>
    operationHandlers.tool({ tool: name, arguments: given }, context);

  const datasets = listDatasets.output.parse(
    (await tool("list-datasets", { detail: "full" })).data,
  );
  expect(datasets.datasets).toMatchObject([
    {
      name: "photos",
      path: "datasets/photos",
      image_count: 3,
      caption_count: 1,
      captions_complete: false,
      missing_captions: ["c.png"],
    },
  ]);
  const models = listExportedModels.output.parse((await tool("list-exported-models")).data);
  expect(models.models).toMatchObject([
    { path: "outputs/job/job.safetensors", job_name: "job", valid: false },
  ]);
  const stats = getSystemStats.output.parse((await tool("get-system-stats")).data);
  expect(stats).toMatchObject({
    gpus: [],
    gpu_name: null,
    active_jobs: 0,
    trainers: [],
    jobs: [],
    gpu_processes: [],
    // One disk for all in a test's own home; what is not there has none.
    disks: [{ roots: expect.arrayContaining(["outputs", "datasets", "jobs"]) }],
  });
  await expect(tool("list-datasets", { nonsense: 1 })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  await expect(tool("constructor")).rejects.toMatchObject({ code: "AGENT_OUTDATED" });
});

test("concise lists stay short and say how much they leave out", async () => {
  const { home, context } = await openBox();
  for (let i = 0; i < 60; i += 1) {
    const name = `a-dataset-with-a-rather-long-name-${i}`;
    mkdirSync(join(home.datasets, name));
    writeFileSync(join(home.datasets, name, "a.png"), "x");
    mkdirSync(join(home.outputs, name));
    writeFileSync(join(home.outputs, name, `${name}.safetensors`), "broken");
  }
  const answerOf = (tool: string, given: Record<string, unknown>) =>
    operationHandlers.tool({ tool, arguments: given }, context);

  const concise = { detail: "concise" };
  const datasets = await answerOf("list-datasets", concise);
  const models = await answerOf("list-exported-models", concise);

  for (const { data, text } of [datasets, models]) {
    expect(JSON.stringify(data).length + text.length).toBeLessThanOrEqual(limits.conciseCharacters);
    expect(data).toMatchObject({ count: 60, truncated: true });
    expect(text).toContain("detail full");
  }
  const rows = listDatasets.output.parse(datasets.data).datasets;
  expect(rows.length).toBeGreaterThan(4);
  expect(datasets.text).toContain(`60 datasets; the first ${rows.length} are here`);
  const shown = listExportedModels.output.parse(models.data).models;
  expect(shown.length).toBeGreaterThan(2);
  expect(models.text).toContain(
    `60 model files, newest first; ${shown.length} are here, ask with detail full and a higher limit for the others`,
  );
  const all = await answerOf("list-datasets", { detail: "full" });
  expect(listDatasets.output.parse(all.data).datasets).toHaveLength(60);
  expect(all.data["truncated"]).toBe(false);
});

test("graphics without NVIDIA's driver are named, and never taken for CUDA", async () => {
  const { context } = await openBox();
  const system = {
    vitals: async () => ({ cpuPercent: 40, memory: null, disk: null }),
    graphics: async () => [{ vendor: "AMD", model: "Radeon RX 6800", temperatureC: 51 }],
  };
  const stats = async (csv: string | null) =>
    operationHandlers.tool(
      { tool: "get-system-stats", arguments: { detail: "full" } },
      {
        ...context,
        host: createHostFacts({ time: systemTime, queryGpus: async () => csv, system }),
      },
    );
  const without = await stats(null);
  expect(getSystemStats.output.parse(without.data)).toMatchObject({
    gpus: [{ index: 0, name: "Radeon RX 6800", memory_total_mb: null, temperature_c: 51 }],
    gpu_name: "Radeon RX 6800",
    gpu: { cuda_available: false },
    cpu_percent: 40,
  });
  expect(without.text).toContain("No NVIDIA GPU, but Radeon RX 6800; 0 active jobs");
  const having = await stats("0, NVIDIA H200, 143771, 512, 3, 41, 76.11\n");
  expect(getSystemStats.output.parse(having.data)).toMatchObject({
    gpus: [{ name: "NVIDIA H200" }],
    gpu: { cuda_available: true },
  });
});

test("preflight says what a start would meet", async () => {
  const { home, context } = await openBox();
  mkdirSync(join(home.datasets, "photos"));
  writeFileSync(join(home.datasets, "photos", "a.png"), "x");
  const found = await operationHandlers.preflight(
    {
      trainer: "ai-toolkit",
      datasets: ["datasets/photos", "nowhere", "/etc/passwd"],
      maxFiles: 100,
    },
    context,
  );
  expect(found.trainer).toEqual({
    found: false,
    reason: "this box does not know a trainer of that name",
  });
  expect(found.datasets.map(({ name, exists, images }) => [name, exists, images])).toEqual([
    ["photos", true, 1],
    ["nowhere", false, 0],
    [null, false, 0],
  ]);
  expect(found.freeBytes).toBeGreaterThan(0);
  const before = found.datasets[0]?.fingerprint;
  writeFileSync(join(home.datasets, "photos", "a.png"), "xy");
  const after = await operationHandlers.preflight(
    { trainer: null, datasets: ["photos"], maxFiles: 100 },
    context,
  );
  expect(after.datasets[0]?.fingerprint).not.toBe(before);
  expect(after.confirmHours).toBeNull();
  writeFileSync(home.policy, '{"confirm_hours": 6}');
  const start = { trainer: "tiny", datasets: [], maxFiles: 1, document: {} };
  expect((await operationHandlers.preflight(start, context)).confirmHours).toBe(6);
});

test("nvidia-smi's lines, with what a card does not tell", () => {
  expect(
    parseGpus(
      "0, NVIDIA H200, 143771, 512, 3, 41, 76.11\n1, Old, 1000, [N/A], [N/A], 30, [N/A]\nNo devices\n",
    ),
  ).toMatchObject([
    { index: 0, name: "NVIDIA H200", memoryTotalMib: 143771, utilizationPercent: 3, powerW: 76.11 },
    { index: 1, memoryUsedMib: null, utilizationPercent: null, temperatureC: 30 },
  ]);
});
