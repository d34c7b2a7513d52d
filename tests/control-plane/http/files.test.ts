import { AppError, errorTable } from "@trainyard/shared/errors.ts";
import { sha256Hex } from "@trainyard/shared/canonical-json.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it } from "vitest";
import { mint } from "../../../control-plane/transfer/links.ts";
import { connectAgent, fileScript, silence } from "../support/scripted-agent.ts";
import { createYard, origin } from "../support/yard.ts";

const yard = await createYard();
const agent = await connectAgent(yard, fileScript(yard));
const model = crypto.getRandomValues(new Uint8Array(20_000));
agent.files.set("cats/cats.safetensors", model);

async function uploadUrl(args: Record<string, unknown> = {}): Promise<string> {
  const link = await yard.call("create-upload-link", { dataset_name: "cats", ...args });
  return String(link.data["upload_url"]);
}

async function put(url: string, body: Uint8Array | string, headers: Record<string, string> = {}) {
  const response = await yard.fetch(url, { method: "PUT", body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

describe("an upload by link", () => {
  it("needs no token and is answered when the box has the file", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(5_000));
    const sha256 = await sha256Hex(bytes);
    const { status, body } = await put(`${await uploadUrl()}/cat.png`, bytes, {
      "x-sha256": sha256.toUpperCase(),
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      ok: true,
      complete: true,
      file_sha256: sha256,
      bytes: 5_000,
      path: "datasets/cats/cat.png",
    });
    expect(agent.files.get("cats/cat.png")).toEqual(bytes);
  });

  it("takes names with letters of any language", async () => {
    const { status } = await put(`${await uploadUrl()}/${encodeURIComponent("猫 één.png")}`, "abc");

    expect(status).toBe(200);
    expect(agent.files.has("cats/猫 één.png")).toBe(true);
  });

  it.each([
    ["taken", "abc", {}, 200],
    ["refused by the box", "abc", { "x-sha256": "0".repeat(64) }, 422],
  ])("answers with the request's own id when it is %s", async (_what, bytes, headers, status) => {
    const response = await yard.fetch(`${await uploadUrl()}/id.txt`, {
      method: "PUT",
      body: bytes,
      headers: { ...headers, "x-request-id": "mine-7" },
    });
    const body = (await response.json()) as Record<string, unknown>;

    expect([response.status, response.headers.get("x-request-id"), body["request_id"]]).toEqual([
      status,
      "mine-7",
      "mine-7",
    ]);
  });

  it("takes an empty file", async () => {
    const { status, body } = await put(`${await uploadUrl()}/empty.txt`, new Uint8Array(), {
      "content-length": "0",
    });

    expect([status, body["bytes"]]).toEqual([200, 0]);
  });

  it("goes on when the older request for the same part hangs half-open", async () => {
    const bytes = new Uint8Array(200_000).map((_zero, i) => (i * 7) % 251);
    const url = `${await uploadUrl()}/stalled.png?part=0&offset=0&total=200000`;
    const stalled = new FixedLengthStream(bytes.byteLength);
    const writer = stalled.writable.getWriter();
    const asked = agent.calls.length;
    const hanging = yard.fetch(url, {
      method: "PUT",
      body: stalled.readable,
      headers: { "content-length": String(bytes.byteLength) },
    });
    await writer.write(bytes.slice(0, 100_000));
    while (agent.calls.length === asked) await new Promise((resolve) => setTimeout(resolve, 5));
    // The box has begun to fetch it; the rest never comes.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const again = await put(url, bytes);

    expect([again.status, again.body["complete"]]).toEqual([200, true]);
    expect((await hanging).status).toBe(502);
    expect(agent.files.get("cats/stalled.png")).toEqual(bytes);
    await writer.abort("done").catch(() => undefined);
  });

  it("of changed content under the same link replaces the file", async () => {
    const url = await uploadUrl();
    await put(`${url}/same.txt`, "first");
    await put(`${url}/same.txt`, "second");

    expect(new TextDecoder().decode(agent.files.get("cats/same.txt"))).toBe("second");
  });

  it("in parts joins them, and says where to go on", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(3_000));
    const url = `${await uploadUrl()}/big.png`;
    const part = async (n: number) => {
      const slice = bytes.slice(n * 1_000, (n + 1) * 1_000);
      return put(`${url}?part=${n}&offset=${n * 1_000}&total=3000`, slice, {
        "x-part-sha256": await sha256Hex(slice),
        "x-file-sha256": await sha256Hex(bytes),
      });
    };
    const state = async () =>
      (await (await yard.fetch(`${url}?total=3000`)).json()) as Record<string, any>;

    expect((await part(0)).body).toMatchObject({ complete: false, stored_bytes: 1_000 });
    expect(await state()).toMatchObject({
      ok: true,
      stored_bytes: 1_000,
      filename: "big.png",
      dataset_name: "cats",
    });
    expect((await part(1)).body).toMatchObject({ complete: false, stored_bytes: 2_000 });
    expect((await part(2)).body).toMatchObject({ complete: true, bytes: 3_000 });
    expect(agent.files.get("cats/big.png")).toEqual(bytes);
  });

  it("in parts goes on under a later link, when its name says what its content is", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(2_000));
    const upload = (await sha256Hex(bytes)).slice(0, 32);
    const links = [await uploadUrl(), await uploadUrl()] as const;
    const send = (link: string, n: number, name: string) =>
      put(
        `${link}/later.png?part=${n}&offset=${n * 1_000}&total=2000&upload=${name}`,
        bytes.slice(n * 1_000, (n + 1) * 1_000),
      );
    const stored = async (name: string) => {
      const answer = await yard.fetch(`${links[1]}/later.png?total=2000&upload=${name}`);
      return ((await answer.json()) as Record<string, any>)["stored_bytes"];
    };
    await send(links[0], 0, upload);
    await send(links[0], 0, "mine");

    expect([await stored("mine"), await stored(upload)]).toEqual([0, 1_000]);
    expect((await send(links[1], 1, upload)).body).toMatchObject({ complete: true, bytes: 2_000 });
    expect(agent.files.get("cats/later.png")).toEqual(bytes);
  });

  it("shows a browser a page and a program its facts", async () => {
    const browser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    await put(`${await uploadUrl({ dataset_name: "shown" })}/a.png`, "abc");
    const url = await uploadUrl({ dataset_name: "shown", one_time: true });
    const page = await yard.fetch(url, { headers: browser });
    const text = await page.text();
    const facts = await yard.fetch(url, { headers: { accept: "*/*" } });
    await yard.call("revoke-link", { url });
    const ended = await yard.fetch(url, { headers: browser });
    const changed = await yard.fetch(`${url.slice(0, -2)}AA`, { headers: browser });

    expect(changed.status).toBe(errorTable.LINK_INVALID.status);
    expect(await changed.text()).toContain("<h1>This link does not work</h1>");

    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'$/,
    );
    expect(text).toContain("Add files to <b>shown</b>");
    expect(text).not.toContain("multiple");
    expect(facts.headers.get("vary")).toBe("accept");
    expect(await facts.json()).toMatchObject({
      dataset_name: "shown",
      one_time: true,
      images: 1,
      files: [{ name: "a.png", bytes: 3 }],
    });
    expect([ended.status, await ended.text()]).toEqual([
      410,
      expect.stringContaining("<h1>This link has ended</h1>"),
    ]);
    expect((await yard.fetch(`${origin}/files/u/x`, { headers: browser })).status).toBe(403);
  });

  it("[B33] with a wrong hash does not become a file", async () => {
    const { status, body } = await put(`${await uploadUrl()}/wrong.png`, "abc", {
      "x-sha256": "0".repeat(64),
    });

    expect([status, body["error"].code]).toEqual([422, "CHECKSUM_MISMATCH"]);
    expect(body["error"].retryable).toBe(true);
    expect(agent.files.has("cats/wrong.png")).toBe(false);
  });

  it("is bound to the file it names", async () => {
    const url = await uploadUrl({ filename: "only.png" });

    expect((await put(url, "abc")).status).toBe(200);
    expect((await put(`${url}/only.png`, "abc")).status).toBe(200);
    expect((await put(`${url}/other.png`, "abc")).body["error"].code).toBe("LINK_INVALID");
  });

  it.each([
    ["", {}, 400, "INVALID_FILENAME"],
    ["/..%2fescape.png", {}, 400, "INVALID_FILENAME"],
    ["/%2e%2e", {}, 404, "NOT_FOUND"],
    ["/a%00.png", {}, 400, "INVALID_FILENAME"],
    ["/a%0ab.png", {}, 400, "INVALID_FILENAME"],
    ["/.hidden", {}, 400, "INVALID_FILENAME"],
    ["/.aitk_size.json", {}, 400, "RESERVED_FILENAME"],
    ["/.job_config.json", {}, 400, "RESERVED_FILENAME"],
    ["/nul.txt", {}, 400, "RESERVED_FILENAME"],
    ["/a.png", { "content-type": "multipart/form-data; boundary=x" }, 415, "TYPE_REFUSED"],
    ["/a.png", { "x-sha256": "xyz" }, 400, "INVALID_ARGUMENT"],
    ["/a.png?part=0", {}, 400, "INVALID_ARGUMENT"],
    ["/a.png?part=0&offset=0&total=2", {}, 400, "INVALID_ARGUMENT"],
    ["/a.png?part=-1&offset=0&total=3", {}, 400, "INVALID_ARGUMENT"],
    ["/a.png?part=0&offset=1e3&total=3000", {}, 400, "INVALID_ARGUMENT"],
    ["/a.png?part=99999&offset=0&total=3", {}, 400, "INVALID_ARGUMENT"],
  ] as const)("[B7] [B8] refuses %j with %j as %i %s", async (tail, headers, status, code) => {
    const url = await uploadUrl();
    const asked = agent.calls.length;
    const answer = await put(url + tail, "abc", headers);

    expect([answer.status, answer.body["error"]?.code]).toEqual([status, code]);
    // The box hears nothing of it.
    expect(agent.calls.length).toBe(asked);
  });

  it("without a length is 411, above the bound 413 with the way in parts", async () => {
    const url = `${await uploadUrl()}/a.png`;
    const stream = new ReadableStream({ start: (c) => (c.enqueue(new Uint8Array(3)), c.close()) });
    const noLength = await yard.fetch(url, { method: "PUT", body: stream });
    const tooLarge = await yard.fetch(url, {
      method: "PUT",
      headers: { "content-length": String(limits.putBytes + 1) },
      body: "abc",
    });

    expect([noLength.status, ((await noLength.json()) as any).error.code]).toEqual([
      411,
      "LENGTH_REQUIRED",
    ]);
    expect(tooLarge.status).toBe(413);
    expect(((await tooLarge.json()) as any).error).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      hint: expect.stringContaining("parts") as string,
    });
  });

  it("[B61] that expired, or was changed, is refused before the box hears of it", async () => {
    const asked = agent.calls.length;
    const expired = await mint(
      {
        v: 1,
        kind: "upload",
        o: yard.owner,
        a: agent.agentId,
        exp: 1,
        n: "nonce-nonce",
        d: "cats",
      },
      yard.env.TRAINYARD_LINK_KEY ?? "",
    );

    expect((await put(`/files/u/${expired}/a.png`, "abc")).status).toBe(410);
    expect((await put(`/files/u/${expired}x/a.png`, "abc")).status).toBe(403);
    expect(agent.calls.length).toBe(asked);
  });
});

/** The parts of a multipart/byteranges body. */
function splitParts(body: Uint8Array, boundary: string): { range: string; bytes: Uint8Array }[] {
  let latin1 = "";
  for (const byte of body) latin1 += String.fromCharCode(byte);
  return latin1
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head = "", ...rest] = part.split("\r\n\r\n");
      const bytes = rest.join("\r\n\r\n").replace(/\r\n$/, "");
      return {
        range: /content-range: (.+)/i.exec(head)?.[1]?.trim() ?? "",
        bytes: Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
      };
    });
}

describe("a download by link", () => {
  async function download(init: RequestInit = {}, change: Record<string, unknown> = {}) {
    const link = await yard.call("create-download-link", {
      model_path: "outputs/cats/cats.safetensors",
      ...change,
    });
    return yard.fetch(String(link.data["download_url"]), init);
  }

  it("gives the file with its length, its hash and its name", async () => {
    const response = await download();
    const bytes = new Uint8Array(await response.arrayBuffer());

    expect(response.status).toBe(200);
    expect(bytes).toEqual(model);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": "20000",
      etag: `"${await sha256Hex(model)}"`,
      "accept-ranges": "bytes",
      "content-encoding": "identity",
      "content-disposition": `attachment; filename="cats.safetensors"; filename*=UTF-8''cats.safetensors`,
      "x-content-type-options": "nosniff",
    });
  });

  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=0-", 0, 20_000],
    ["bytes=100-199", 100, 200],
    ["bytes=19999-", 19_999, 20_000],
    ["bytes=19990-99999", 19_990, 20_000],
    ["bytes=-10", 19_990, 20_000],
    ["bytes=-99999", 0, 20_000],
  ])("of the range %s is 206 with these bytes", async (range, start, end) => {
    const response = await download({ headers: { range } });

    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/20000`);
    expect(response.headers.get("content-length")).toBe(String(end - start));
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(model.slice(start, end));
  });

  it.each([
    "bytes=20000-",
    "bytes=5-4",
    "bytes=-0",
    "bytes=-",
    "bytes=a-b",
    "bytes=20000-,30000-30001",
    `bytes=${Array.from({ length: 1_000 }, () => "0-").join(",")}`,
  ])("[B61] of the range %s is 416 and says how long the file is", async (range) => {
    const response = await download({ headers: { range } });

    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe("bytes */20000");
    expect(((await response.json()) as any).error.code).toBe("RANGE_INVALID");
  });

  it("of several ranges gives each with its place, and joins those that overlap", async () => {
    const response = await download({ headers: { range: "bytes=100-199, 0-9, -5, 90000-" } });
    const body = new Uint8Array(await response.arrayBuffer());
    const boundary = /boundary=(.+)$/.exec(response.headers.get("content-type") ?? "")?.[1];
    const parts = splitParts(body, boundary ?? "");
    const joined = await download({ headers: { range: "bytes=0-99,50-149,150-199" } });

    expect(response.status).toBe(206);
    expect(response.headers.get("content-length")).toBe(String(body.byteLength));
    expect(parts.map(({ range }) => range)).toEqual([
      "bytes 100-199/20000",
      "bytes 0-9/20000",
      "bytes 19995-19999/20000",
    ]);
    expect(parts.map(({ bytes }) => bytes)).toEqual([
      model.slice(100, 200),
      model.slice(0, 10),
      model.slice(19_995),
    ]);
    expect(joined.headers.get("content-range")).toBe("bytes 0-199/20000");
    expect(new Uint8Array(await joined.arrayBuffer())).toEqual(model.slice(0, 200));
  });

  it("answers HEAD for several ranges with their length", async () => {
    const range = { range: "bytes=0-9,100-199" };
    const head = await download({ method: "HEAD", headers: range });
    const body = await (await download({ headers: range })).arrayBuffer();

    expect([head.status, head.headers.get("content-length")]).toEqual([
      206,
      String(body.byteLength),
    ]);
  });

  it("goes on for many callers at once, on one link and on several", async () => {
    const link = await yard.call("create-download-link", { model_path: "cats/cats.safetensors" });
    const url = String(link.data["download_url"]);
    const all = await Promise.all([
      ...[0, 1, 2, 3].map(() => yard.fetch(url)),
      ...[0, 1].map(() => download()),
      yard.fetch(url, { headers: { range: "bytes=5-9" } }),
    ]);
    const bodies = await Promise.all(all.map((response) => response.arrayBuffer()));

    expect(bodies.slice(0, 6).every((body) => body.byteLength === 20_000)).toBe(true);
    expect(new Uint8Array(bodies[6] as ArrayBuffer)).toEqual(model.slice(5, 10));
  });

  it("ignores another unit, and a range of another version", async () => {
    const lengthOf = async (headers: Record<string, string>) =>
      (await (await download({ headers })).bytes()).length;

    expect(await lengthOf({ range: "pages=1-2" })).toBe(20_000);
    expect(await lengthOf({ range: "bytes=0-1", "if-range": '"other"' })).toBe(20_000);
    expect(await lengthOf({ range: "bytes=0-1", "if-range": `"${await sha256Hex(model)}"` })).toBe(
      2,
    );
  });

  it("answers HEAD with the same headers and asks for no bytes", async () => {
    const before = agent.argsOf("send-file").length;
    const response = await download({ method: "HEAD" });

    expect([response.status, response.headers.get("content-length")]).toEqual([200, "20000"]);
    expect(await response.text()).toBe("");
    expect(agent.argsOf("send-file").length).toBe(before);
  });

  it("answers 304 to whoever has it", async () => {
    const response = await download({
      headers: { "if-none-match": `"${await sha256Hex(model)}"` },
    });

    expect(response.status).toBe(304);
  });

  it("is refused when the file is another one by now, or gone", async () => {
    agent.files.set("cats/old.safetensors", model);
    const link = await yard.call("create-download-link", { model_path: "cats/old.safetensors" });
    agent.files.set("cats/old.safetensors", model.slice(1));
    const changed = await yard.fetch(String(link.data["download_url"]));
    agent.files.delete("cats/old.safetensors");
    const gone = await yard.fetch(String(link.data["download_url"]));

    expect([changed.status, ((await changed.json()) as any).error.code]).toEqual([
      410,
      "LINK_EXPIRED",
    ]);
    expect([gone.status, ((await gone.json()) as any).error.code]).toEqual([
      404,
      "MODEL_NOT_FOUND",
    ]);
  });

  it("is refused when another file of the same length took its place", async () => {
    agent.files.set("cats/twin.safetensors", model);
    const link = await yard.call("create-download-link", { model_path: "cats/twin.safetensors" });
    agent.files.set(
      "cats/twin.safetensors",
      model.map((byte) => byte ^ 1),
    );

    expect((await yard.fetch(String(link.data["download_url"]))).status).toBe(410);
  });

  it("goes on when the box is started again in the middle of it", async () => {
    const own = await createYard();
    const half = Promise.withResolvers<void>();
    const box = await connectAgent(own, {
      ...fileScript(own),
      "send-file": async (args) => {
        await own.fetch(`/files/agent/${args.transferId}/parts/0`, {
          method: "POST",
          headers: { authorization: `Ticket ${args.ticket}`, "x-part-offset": "0" },
          body: model.slice(0, 12_000),
        });
        half.resolve();
        return silence;
      },
    });
    box.files.set("cats/cats.safetensors", model);
    const link = await own.call("create-download-link", { model_path: "cats/cats.safetensors" });
    const response = await own.fetch(String(link.data["download_url"]));
    const body = response.arrayBuffer();
    await half.promise;
    await box.close();
    const again = await connectAgent(own, fileScript(own));
    again.files.set("cats/cats.safetensors", model);

    expect(new Uint8Array(await body)).toEqual(model);
    expect(again.argsOf("send-file").map(({ start }) => start)).toEqual([12_000]);
  });

  it("never ends whole when a part is not what its hash says", async () => {
    const own = await createYard();
    const box = await connectAgent(own, {
      ...fileScript(own),
      "send-file": async (args) => {
        const answer = await own.fetch(`/files/agent/${args.transferId}/parts/0`, {
          method: "POST",
          headers: {
            authorization: `Ticket ${args.ticket}`,
            "x-part-offset": "0",
            "x-part-bytes": String(model.byteLength),
          },
          body: new Uint8Array([...model, ...new Uint8Array(32)]),
        });
        throw new AppError("TRANSFER_BROKEN", String(answer.status));
      },
    });
    box.files.set("cats/cats.safetensors", model);
    const link = await own.call("create-download-link", { model_path: "cats/cats.safetensors" });
    const response = await own.fetch(String(link.data["download_url"]));

    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it("with the box off is 503, not a promise", async () => {
    const own = await createYard();
    const box = await connectAgent(own, fileScript(own));
    box.files.set("cats/cats.safetensors", model);
    const link = await own.call("create-download-link", { model_path: "cats/cats.safetensors" });
    await box.close();
    const response = await own.fetch(String(link.data["download_url"]));

    expect([response.status, ((await response.json()) as any).error.code]).toEqual([
      503,
      "AGENT_OFFLINE",
    ]);
  });
});

const codeOf = async (response: Response) => [
  response.status,
  ((await response.json()) as any).error?.code,
];

describe("a link for one time", () => {
  const linkOf = async (args: Record<string, unknown> = {}) =>
    String(
      (
        await yard.call("create-download-link", {
          model_path: "cats/cats.safetensors",
          one_time: true,
          ...args,
        })
      ).data["download_url"],
    );

  it("down ends with the file's last byte, not with a look at it or a part of it", async () => {
    const url = await linkOf();
    const head = await yard.fetch(url, { method: "HEAD" });
    const part = await yard.fetch(url, { headers: { range: "bytes=0-99" } });
    await part.arrayBuffer();
    const rest = await yard.fetch(url, { headers: { range: "bytes=100-" } });

    expect([head.status, part.status]).toEqual([200, 206]);
    expect(new Uint8Array(await rest.arrayBuffer())).toEqual(model.slice(100));
    expect(await codeOf(await yard.fetch(url))).toEqual([410, "LINK_USED"]);
    expect((await yard.fetch(url, { method: "HEAD" })).status).toBe(410);
  });

  it("down has one reader: who comes back takes the older request's place", async () => {
    const own = await createYard();
    const held = Promise.withResolvers<void>();
    let sendings = 0;
    const files = fileScript(own);
    const box = await connectAgent(own, {
      ...files,
      "send-file": async (args, agent) => {
        sendings += 1;
        if (sendings === 1) await held.promise;
        return (await files["send-file"]?.(args, agent)) ?? { sentBytes: 0 };
      },
    });
    box.files.set("cats/cats.safetensors", model);
    const link = await own.call("create-download-link", {
      model_path: "cats/cats.safetensors",
      one_time: true,
    });
    const url = String(link.data["download_url"]);
    const first = await own.fetch(url);
    const second = await own.fetch(url);

    expect(new Uint8Array(await second.arrayBuffer())).toEqual(model);
    await expect(first.arrayBuffer()).rejects.toThrow();
    held.resolve();
  });

  it("up takes one file, and that file again while its answer is lost", async () => {
    const url = await uploadUrl({ one_time: true });
    const first = await put(`${url}/one.txt`, "abc");
    const again = await put(`${url}/one.txt`, "abc");
    const other = await put(`${url}/two.txt`, "abc");

    expect([first.status, again.status]).toEqual([200, 200]);
    expect([other.status, other.body["error"].code]).toEqual([410, "LINK_USED"]);
    expect(agent.files.has("cats/two.txt")).toBe(false);
  });

  it("up takes no other content under the name that used it, however it is sent", async () => {
    const url = await uploadUrl({ one_time: true });
    const codeOfPut = async (...args: Parameters<typeof put>) =>
      (await put(...args)).body["error"]?.code;

    expect(await codeOfPut(`${url}/content.txt`, "abc")).toBeUndefined();
    expect(await codeOfPut(`${url}/content.txt`, "abd")).toBe("LINK_USED");
    expect(await codeOfPut(`${url}/content.txt`, "longer")).toBe("LINK_USED");
    expect(await codeOfPut(`${url}/content.txt?part=0&offset=0&total=3`, "abe")).toBe("LINK_USED");
    const declared = { "x-sha256": await sha256Hex(new TextEncoder().encode("abf")) };
    expect(await codeOfPut(`${url}/content.txt`, "abf", declared)).toBe("LINK_USED");
    expect(await codeOfPut(`${url}/content.txt`, "abc")).toBeUndefined();
    expect(new TextDecoder().decode(agent.files.get("cats/content.txt"))).toBe("abc");
  });

  it("up takes one of two contents that are sent at once", async () => {
    const url = await uploadUrl({ one_time: true });
    const sent = await Promise.all(
      ["1st", "2nd", "3rd"].map((bytes) => put(`${url}/at-once.txt`, bytes)),
    );

    expect(sent.filter(({ status }) => status === 200)).toHaveLength(1);
    const [taken] = sent.filter(({ status }) => status === 200);
    expect(await sha256Hex(agent.files.get("cats/at-once.txt") as Uint8Array)).toBe(
      taken?.body["file_sha256"],
    );
  });

  it("up is not used by a file that the box refused", async () => {
    const url = await uploadUrl({ one_time: true });
    const refused = await put(`${url}/bad.txt`, "abc", { "x-sha256": "0".repeat(64) });
    const good = await put(`${url}/good.txt`, "abc");
    const third = await put(`${url}/bad.txt`, "abc");

    expect(refused.body["error"].code).toBe("CHECKSUM_MISMATCH");
    expect(good.status).toBe(200);
    expect(third.body["error"].code).toBe("LINK_USED");
  });

  it("up is given back by who asks what became of a file that was looked at for long", async () => {
    const own = await createYard();
    const box = await connectAgent(own, {
      ...fileScript(own),
      "receive-part": async () => ({
        sha256: "0".repeat(64),
        storedBytes: 3,
        complete: null,
        processing: true,
      }),
      "upload-state": () => ({
        storedBytes: 0,
        complete: null,
        problem: { code: "IMAGE_CORRUPT", message: "It cannot be decoded." },
      }),
    });
    const link = await own.call("create-upload-link", { dataset_name: "cats", one_time: true });
    const url = String(link.data["upload_url"]);
    const send = async (name: string) =>
      (await own.fetch(`${url}/${name}`, { method: "PUT", body: "abc" })).status;

    expect([await send("a.png"), await send("b.png")]).toEqual([202, 410]);
    await (await own.fetch(`${url}/a.png?total=3`)).json();
    expect(await send("b.png")).toBe(202);
    expect(box.calls.length).toBeGreaterThan(0);
  });

  it("up goes to the file that is first to become whole", async () => {
    const url = await uploadUrl({ one_time: true });
    const part = (name: string, n: number) =>
      put(`${url}/${name}?part=${n}&offset=${n * 2}&total=4`, "ab");

    expect((await part("slow.txt", 0)).status).toBe(200);
    expect((await part("quick.txt", 0)).status).toBe(200);
    expect((await part("quick.txt", 1)).body["complete"]).toBe(true);
    expect((await part("slow.txt", 1)).body["error"].code).toBe("LINK_USED");
    expect(agent.files.has("cats/slow.txt")).toBe(false);
  });
});

describe("a link that is taken back", () => {
  it("works for nobody any more, whatever it is for", async () => {
    const upload = await uploadUrl();
    const download = await yard.call("create-download-link", {
      model_path: "cats/cats.safetensors",
    });
    const url = String(download.data["download_url"]);
    const revoked = await yard.call("revoke-link", { url: `${upload}/cat.png` });
    await yard.call("revoke-link", { link: url });
    await yard.call("revoke-link", { url });

    expect(revoked.data).toMatchObject({ revoked: true, kind: "upload" });
    expect((await put(`${upload}/a.txt`, "abc")).body["error"].code).toBe("LINK_REVOKED");
    expect(await codeOf(await yard.fetch(upload))).toEqual([410, "LINK_REVOKED"]);
    expect(await codeOf(await yard.fetch(url))).toEqual([410, "LINK_REVOKED"]);
    expect(agent.files.has("cats/a.txt")).toBe(false);
  });

  it("ends a download that is on its way with its next part", async () => {
    const own = await createYard();
    const large = crypto.getRandomValues(new Uint8Array(30_000));
    const asked = Promise.withResolvers<void>();
    const revoked = Promise.withResolvers<void>();
    const refused = Promise.withResolvers<number>();
    const box = await connectAgent(own, {
      ...fileScript(own),
      "send-file": async (args) => {
        asked.resolve();
        const post = async (start: number, end: number) => {
          const response = await own.fetch(`/files/agent/${args.transferId}/parts/0`, {
            method: "POST",
            headers: { authorization: `Ticket ${args.ticket}`, "x-part-offset": String(start) },
            body: large.slice(start, end),
          });
          return response.status;
        };
        await post(0, 10_000);
        await revoked.promise;
        refused.resolve(await post(10_000, 30_000));
        throw new AppError("TRANSFER_BROKEN", "refused");
      },
    });
    box.files.set("cats/large.bin", large);
    const link = await own.call("create-download-link", { model_path: "cats/large.bin" });
    const url = String(link.data["download_url"]);
    const response = await own.fetch(url);
    const body = response.arrayBuffer().then(
      () => "whole",
      () => "cut",
    );
    await asked.promise;
    await own.call("revoke-link", { url });
    revoked.resolve();

    expect(await body).toBe("cut");
    expect(await refused.promise).toBe(410);
  });

  it("[B61] must be ours to be taken back", async () => {
    const other = await createYard();
    await connectAgent(other, fileScript(other));
    const foreign = await other.call("create-upload-link", { dataset_name: "cats" });
    const refused = await yard.call("revoke-link", { url: foreign.data["upload_url"] });
    const nonsense = await yard.call("revoke-link", { url: "https://example.com/x" });
    const reader = await yard.call("revoke-link", { url: await uploadUrl() }, "read");

    expect([refused.status, refused.error?.code]).toEqual([403, "LINK_INVALID"]);
    expect(nonsense.error?.code).toBe("LINK_INVALID");
    expect(reader.error?.code).toBe("INSUFFICIENT_SCOPE");
  });
});

describe("the box's side of a transfer", () => {
  it.each([
    ["no ticket", {}],
    ["a bearer token", { authorization: `Bearer ${yard.tokens.admin}` }],
    ["an unknown owner", { authorization: `Ticket nobody~${crypto.randomUUID()}` }],
    ["a guessed ticket", { authorization: `Ticket ${yard.owner}~${crypto.randomUUID()}` }],
  ])("is closed to %s", async (_what, headers) => {
    const path = `/files/agent/tr_${"0".repeat(26)}/parts/0`;
    const get = await yard.fetch(path, { headers: headers as Record<string, string> });
    const post = await yard.fetch(path, {
      method: "POST",
      headers: headers as Record<string, string>,
      body: "abc",
    });

    expect([403, 410]).toContain(get.status);
    expect([403, 410]).toContain(post.status);
  });

  it("has no other names", async () => {
    const response = await yard.fetch(`/files/agent/${encodeURIComponent("../x")}/parts/0`, {
      headers: { authorization: `Ticket ${yard.owner}~${crypto.randomUUID()}` },
    });

    expect(response.status).toBe(403);
  });
});

it("links are built on the address the caller used", async () => {
  expect(await uploadUrl()).toMatch(new RegExp(`^${origin}/files/u/`));
});
