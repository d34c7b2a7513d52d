import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import type { OperationArgs } from "@trainyard/shared/protocol/operations.ts";
import { operationHandlers } from "../../../gpu-agent/operations/handlers.ts";
import type { LiveUse } from "../../../gpu-agent/jobs/supervisor.ts";
import { openBox } from "../support/operation-box.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const target = { dataset: "tables", filename: "a.parquet" };

/** A box whose edge holds whatever part is asked for. */
async function openReceiver(uses: () => readonly LiveUse[] = () => []) {
  let held = new Uint8Array();
  let fetched = 0;
  const box = await openBox(
    (_request, response) => {
      fetched += 1;
      response.end(held);
    },
    { uses },
  );
  const send = (
    bytes: Uint8Array,
    offset: number,
    more: Partial<OperationArgs<"receive-part">> = {},
  ) => {
    held = new Uint8Array(bytes);
    return operationHandlers["receive-part"](
      {
        transferId: "tr_1",
        ticket: "owner~1",
        target,
        part: 0,
        offset,
        bytes: bytes.byteLength,
        totalBytes: 1_000,
        sha256: sha256(bytes),
        last: offset + bytes.byteLength === 1_000 ? { totalBytes: 1_000, sha256: null } : null,
        ...more,
      },
      box.context,
    );
  };
  const state = (more: Partial<OperationArgs<"upload-state">> = {}) =>
    operationHandlers["upload-state"]({ transferId: "tr_1", target, ...more }, box.context);
  return { ...box, send, state, fetched: () => fetched };
}

test("[B33] a part that comes again with its hash is compared, and without one is taken anew", async () => {
  const { send, state, fetched, home } = await openReceiver();
  const [first, second, other] = [randomBytes(400), randomBytes(600), randomBytes(400)];
  await send(first, 0);

  await send(first, 0);
  await expect(send(other, 0)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  expect([fetched(), await state()]).toEqual([1, expect.objectContaining({ storedBytes: 400 })]);
  await send(other, 0, { sha256: null });
  const done = await send(second, 400);

  expect(done.complete?.sha256).toBe(sha256(Buffer.concat([other, second])));
  expect(readFileSync(join(home.datasets, "tables", "a.parquet"))).toEqual(
    Buffer.concat([other, second]),
  );
});

test("the whole file's hash is right also when it is not remembered how far it was hashed", async () => {
  const { send, home } = await openReceiver();
  const [first, second] = [randomBytes(400), randomBytes(600)];
  await send(first, 0);
  // As many others as are remembered push this one's running hash out, as a new process begins without.
  for (let other = 0; other < limits.uploadHashes; other += 1) {
    await send(randomBytes(1), 0, { transferId: `tr_other${other}` });
  }

  const done = await send(second, 400, {
    last: { totalBytes: 1_000, sha256: sha256(Buffer.concat([first, second])) },
  });

  expect(done.complete?.sha256).toBe(sha256(Buffer.concat([first, second])));
  expect(readdirSync(home.staging)).not.toContain("tr_1.part");
});

test("what a power cut may have taken is not gone on from", async () => {
  const { send, state, home } = await openReceiver();
  await send(randomBytes(400), 0);
  const path = join(home.staging, "tr_1.json");
  const kept = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...kept, bootId: "the boot before" }));

  expect(await state()).toMatchObject({ storedBytes: 0 });
  await expect(send(randomBytes(600), 400)).rejects.toMatchObject({
    code: "RANGE_INVALID",
    details: { expected: 0 },
  });
  writeFileSync(path, '{"storedBytes": 4');
  expect(await state()).toMatchObject({ storedBytes: 0 });
});

test("a file that the dataset has already need not be sent, by whomever it came", async () => {
  const { state, home } = await openReceiver();
  const bytes = randomBytes(1_000);
  mkdirSync(join(home.datasets, "tables"));
  writeFileSync(join(home.datasets, "tables", "a.parquet"), bytes);

  expect(await state({ totalBytes: 1_000, sha256: sha256(bytes) })).toEqual({
    storedBytes: 1_000,
    complete: { path: "datasets/tables/a.parquet", bytes: 1_000, sha256: sha256(bytes) },
  });
  expect(await state({ totalBytes: 1_000, sha256: "0".repeat(64) })).toMatchObject({
    storedBytes: 0,
    complete: null,
  });
  expect(await state({ totalBytes: 1_000 })).toMatchObject({ storedBytes: 0 });
});

test("what is too large is refused with its first part", async () => {
  const { send, fetched, home } = await openReceiver();

  await expect(
    send(randomBytes(10), 0, { totalBytes: limits.fileBytes + 1 }),
  ).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  expect(fetched()).toBe(0);
  expect(readdirSync(home.datasets)).toEqual([]);
});

test("[B6] a file whose name differs from another's in case or composition only is refused", async () => {
  const { send, home } = await openReceiver();
  mkdirSync(join(home.datasets, "tables"));
  writeFileSync(join(home.datasets, "tables", "CAF\u00C9.parquet"), "x");
  const whole = { last: { totalBytes: 10, sha256: null }, totalBytes: 10 };
  const name = (filename: string) => ({ target: { dataset: "tables", filename } });

  for (const filename of ["caf\u00E9.parquet", "CAFE\u0301.parquet"]) {
    await expect(
      send(randomBytes(10), 0, {
        ...whole,
        ...name(filename),
        transferId: `tr_${filename.length}`,
      }),
    ).rejects.toMatchObject({ code: "NAME_CONFLICT" });
  }
  expect(readdirSync(join(home.datasets, "tables"))).toEqual(["CAF\u00C9.parquet"]);
});

test("nothing is added to a dataset, and nothing in it replaced, while a job reads it", async () => {
  const uses: LiveUse[] = [];
  const { send, state, fetched, home } = await openReceiver(() => uses);
  const [before, after] = [randomBytes(1_000), randomBytes(1_000)];
  await send(before, 0);
  await send(after.subarray(0, 400), 0, { transferId: "tr_2" });
  const document = { config: { process: [{ datasets: [{ folder_path: "datasets/tables" }] }] } };
  uses.push({ jobId: "job_1", jobName: "cats", outputName: "cats", document });
  const asked = fetched();

  for (const filename of ["a.parquet", "new.parquet"]) {
    await expect(
      send(after, 0, { transferId: "tr_3", target: { dataset: "tables", filename } }),
    ).rejects.toMatchObject({ code: "IN_USE", details: { job_id: "job_1" } });
  }
  expect(fetched()).toBe(asked);
  // Begun before the job: the last part is kept, and the file is taken once the job has ended.
  const end = () => send(after.subarray(400), 400, { transferId: "tr_2" });
  await expect(end()).rejects.toMatchObject({ code: "IN_USE" });
  expect(readFileSync(join(home.datasets, "tables", "a.parquet"))).toEqual(before);
  expect(await state({ transferId: "tr_2" })).toMatchObject({ storedBytes: 1_000, complete: null });
  expect((await send(before, 0)).complete).not.toBeNull();
  uses.length = 0;
  await end();
  expect(readFileSync(join(home.datasets, "tables", "a.parquet"))).toEqual(after);
});
