import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { operationHandlers } from "../../../gpu-agent/operations/handlers.ts";
import { zipOf } from "../../support/zip-writer.ts";
import type { ZipEntry } from "../../support/zip-writer.ts";
import { openIntake, startIntake } from "../support/intake-child.ts";
import { openBox } from "../support/operation-box.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const fixture = (name: string): Buffer =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/pictures/${name}`, import.meta.url)));

/** One child for all tests: what a hostile file does to it is seen by the next one. */
const intake = openIntake();
afterAll(() => intake.close());

/** A box to which whole files are sent, with the real child behind it. */
async function openReceiver() {
  let held = Buffer.alloc(0);
  let serial = 0;
  const box = await openBox((_request, response) => response.end(held), { intake });
  const send = (filename: string, bytes: Uint8Array, strict = false) => {
    held = Buffer.from(bytes);
    serial += 1;
    return operationHandlers["receive-part"](
      {
        transferId: `tr_${serial}`,
        ticket: "owner~1",
        target: { dataset: "photos", filename, strict },
        part: 0,
        offset: 0,
        bytes: bytes.byteLength,
        totalBytes: bytes.byteLength,
        sha256: sha256(bytes),
        last: { totalBytes: bytes.byteLength, sha256: sha256(bytes) },
      },
      box.context,
    );
  };
  const folder = join(box.home.datasets, "photos");
  const names = () => (existsSync(folder) ? readdirSync(folder).toSorted() : null);
  const state = (filename: string, bytes: Uint8Array) =>
    operationHandlers["upload-state"](
      {
        transferId: "tr_other",
        target: { dataset: "photos", filename },
        totalBytes: bytes.byteLength,
        sha256: sha256(bytes),
      },
      box.context,
    );
  return { ...box, send, folder, names, state };
}

/** Grey, with red, green and blue squares in three corners, as the HEIC fixtures are. */
function drawn(width = 96, height = 64) {
  const square = (left: number, top: number, color: string) =>
    `<rect x="${left}" y="${top}" width="16" height="16" fill="${color}"/>`;
  return sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="rgb(128,128,128)"/>${square(0, 0, "rgb(220,20,20)")}${square(width - 16, 0, "rgb(20,200,20)")}${square(width - 16, height - 16, "rgb(20,20,220)")}</svg>`,
    ),
  ).flatten();
}

/** Width, height and which colour stands in each corner, clockwise from top left. */
async function corners(path: string) {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): string => {
    const start = (y * info.width + x) * info.channels;
    const [r = 0, g = 0, b = 0] = data.subarray(start, start + 3);
    if (Math.max(r, g, b) - Math.min(r, g, b) < 40) return "grey";
    return r > g && r > b ? "red" : g > b ? "green" : "blue";
  };
  const [right, bottom] = [info.width - 4, info.height - 4];
  return [
    `${info.width}x${info.height}`,
    at(3, 3),
    at(right, 3),
    at(right, bottom),
    at(3, bottom),
  ].join(" ");
}

const upright = "96x64 red green blue grey";

describe("a picture", () => {
  it("that a trainer reads as it is stays as it came, byte for byte", async () => {
    const { send, folder, names } = await openReceiver();
    const files = {
      "a.jpg": await drawn().jpeg().toBuffer(),
      "b.png": await drawn().png().toBuffer(),
      "c.webp": await drawn().webp().toBuffer(),
      // The trainers open pictures by their content.
      "d.png": await drawn().jpeg().toBuffer(),
    };
    for (const [name, bytes] of Object.entries(files)) {
      const { complete } = await send(name, bytes);
      expect(complete).toEqual({
        path: `datasets/photos/${name}`,
        bytes: bytes.byteLength,
        sha256: sha256(bytes),
      });
      expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    }
    expect(names()).toEqual(["a.jpg", "b.png", "c.webp", "d.png"]);
  });

  it("from a phone is turned upright, with its colour profile and without its EXIF", async () => {
    const { send, folder } = await openReceiver();
    // Stored a quarter to the left, with the note that it is to be turned to the right.
    const lying = await sharp(await drawn().png().toBuffer())
      .rotate(-90)
      .withIccProfile("p3")
      .withExif({ IFD3: { GPSLatitudeRef: "N" } })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 95 })
      .toBuffer();
    const { complete } = await send("IMG_1.jpg", lying);
    const path = join(folder, "IMG_1.jpg");
    const metadata = await sharp(path).metadata();

    expect(complete).toMatchObject({ change: "turned_upright", receivedSha256: sha256(lying) });
    expect(await corners(path)).toBe(upright);
    expect([metadata.orientation, metadata.exif, metadata.hasProfile]).toEqual([
      undefined,
      undefined,
      true,
    ]);
    expect(complete?.sha256).toBe(sha256(readFileSync(path)));
  });

  it.each([
    ["upright.heic", upright, false],
    ["turned.heic", "64x96 grey red green blue", true],
  ])("in HEIC becomes a JPEG: %s", async (name, expected, hasProfile) => {
    const { send, folder, state } = await openReceiver();
    const bytes = fixture(name);
    const { complete } = await send("IMG_2.HEIC", bytes);

    expect(complete).toMatchObject({
      path: "datasets/photos/IMG_2.jpg",
      change: "heic_to_jpeg",
      receivedSha256: sha256(bytes),
    });
    expect(await corners(join(folder, "IMG_2.jpg"))).toBe(expected);
    expect((await sharp(join(folder, "IMG_2.jpg")).metadata()).hasProfile).toBe(hasProfile);
    expect((await state("IMG_2.HEIC", bytes)).complete?.path).toBe("datasets/photos/IMG_2.jpg");
  });

  it("in HEIC beside another of the same name in JPEG are two pictures", async () => {
    const { send, names } = await openReceiver();
    const jpeg = await drawn(32, 32).jpeg().toBuffer();
    await send("IMG_3.jpg", jpeg);
    await send("IMG_3.HEIC", fixture("upright.heic"));
    await send("IMG_3.HEIC", fixture("upright.heic"));

    expect(names()).toEqual(["IMG_3-heic.jpg", "IMG_3.jpg"]);
  });

  it("is asked for before it takes another one's place", async () => {
    const { send, state } = await openReceiver();
    const jpeg = await drawn(32, 32).jpeg().toBuffer();
    const other = await drawn(48, 32).jpeg().toBuffer();
    const heic = fixture("upright.heic");
    const taken = async (name: string, bytes: Uint8Array) => (await state(name, bytes)).nameTaken;
    const before = [await taken("IMG_5.jpg", jpeg), await taken("IMG_5.HEIC", heic)];
    await send("IMG_5.jpg", jpeg);
    const beside = [await taken("IMG_5.jpg", other), await taken("IMG_5.HEIC", heic)];
    await send("IMG_5.HEIC", heic);
    const turned = await taken("IMG_5.HEIC", fixture("turned.heic"));

    expect(before).toEqual([false, false]);
    // A HEIC would be kept as IMG_5-heic.jpg.
    expect(beside).toEqual([true, false]);
    expect(turned).toBe(true);
    expect(await taken("IMG_5.jpg", jpeg)).toBeUndefined();
  });

  it("with the ending of one format and the content of HEIC is converted, under its name", async () => {
    const { send, folder } = await openReceiver();
    await send("IMG_4.jpeg", fixture("upright.heic"));

    expect(await corners(join(folder, "IMG_4.jpeg"))).toBe(upright);
    expect((await sharp(join(folder, "IMG_4.jpeg")).metadata()).format).toBe("jpeg");
  });

  it("[Z11] that moves is its first frame where it has to be converted", async () => {
    const { send, folder } = await openReceiver();
    const frames = await Promise.all(
      [drawn(), drawn().negate()].map((frame) => frame.png().toBuffer()),
    );
    const moving = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await sharp(moving).metadata()).pages).toBe(2);
    await send("moving.gif", moving);

    expect(await corners(join(folder, "moving.png"))).toBe(upright);
    expect((await sharp(join(folder, "moving.png")).metadata()).pages).toBeUndefined();
  });

  it.each([
    ["a.avif", () => drawn().avif({ lossless: true }).toBuffer(), "a.jpg", "avif_to_jpeg"],
    ["b.gif", () => drawn().gif().toBuffer(), "b.png", "gif_to_png"],
    ["c.tif", () => drawn().tiff().toBuffer(), "c.png", "tiff_to_png"],
    ["d.jfif", () => drawn().jpeg().toBuffer(), "d.jpg", "renamed"],
  ])("that no trainer reads is converted: %s", async (name, make, kept, change) => {
    const { send, folder, names } = await openReceiver();
    const { complete } = await send(name, await make());

    expect(complete).toMatchObject({ path: `datasets/photos/${kept}`, change });
    expect(names()).toEqual([kept]);
    expect(await corners(join(folder, kept))).toBe(upright);
  });
});

/** A PNG's header that claims a size; the rest is what a decoder would have to unpack. */
function pngOf(width: number, height: number, chunks: readonly [string, Buffer][] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = ([type, data]: readonly [string, Buffer]): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.byteLength, 0);
    head.write(type, 4, "latin1");
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), data])));
    return Buffer.concat([head, data, checksum]);
  };
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    ...(
      [
        ["IHDR", header],
        ...chunks,
        ["IDAT", deflateSync(Buffer.alloc(100))],
        ["IEND", Buffer.alloc(0)],
      ] as const
    ).map(chunk),
  ]);
}

let flood: Buffer | null = null;
function packedFlood(): Buffer {
  flood ??= deflateSync(Buffer.alloc(100 * 1024 * 1024));
  return flood;
}

describe("what is refused leaves nothing in the dataset", () => {
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
  );
  const html = Buffer.from("<!doctype html><script>alert(1)</script>");

  it.each<[string, string, () => Buffer | Promise<Buffer>, string]>([
    ["a page that calls itself a picture", "a.jpg", () => html, "MIME_MISMATCH"],
    ["a page that calls itself a caption", "a.txt", () => html, "MIME_MISMATCH"],
    ["an SVG by content", "a.png", () => svg, "TYPE_REFUSED"],
    ["an SVG by name", "a.svg", () => svg, "TYPE_REFUSED"],
    ["a program", "a.exe", () => randomBytes(10), "TYPE_REFUSED"],
    ["a pickled model", "a.ckpt", () => randomBytes(10), "TYPE_REFUSED"],
    ["noise that calls itself a picture", "a.webp", () => randomBytes(500), "MIME_MISMATCH"],
    ["bytes that call themselves text", "a.txt", () => Buffer.from([65, 0, 66]), "MIME_MISMATCH"],
    ["letters of another encoding", "a.txt", () => Buffer.from([0xe4, 0x20]), "MIME_MISMATCH"],
    ["an empty picture", "a.png", () => Buffer.alloc(0), "IMAGE_CORRUPT"],
    ["900 megapixels in a kilobyte", "a.png", () => pngOf(30_000, 30_000), "IMAGE_TOO_LARGE"],
    ["a picture that is too long", "a.png", () => pngOf(20_000, 100), "IMAGE_TOO_LARGE"],
    [
      "a profile of two megabytes",
      "a.png",
      () => pngOf(10, 10, [["iCCP", Buffer.alloc(2 * 1024 * 1024)]]),
      "IMAGE_CHUNK_LIMIT",
    ],
    [
      "a text of 100 MB that packs into a tenth of a megabyte",
      "a.png",
      () => pngOf(10, 10, [["zTXt", Buffer.concat([Buffer.from("a\0\0"), packedFlood()])]]),
      "IMAGE_CHUNK_LIMIT",
    ],
    [
      "a profile of 100 MB that packs as small",
      "a.png",
      () => pngOf(10, 10, [["iCCP", Buffer.concat([Buffer.from("a\0\0"), packedFlood()])]]),
      "IMAGE_CHUNK_LIMIT",
    ],
    [
      "a JPEG that was cut",
      "a.jpg",
      async () => (await drawn(400, 300).jpeg().toBuffer()).subarray(0, 700),
      "IMAGE_CORRUPT",
    ],
    [
      "a HEIC that was cut",
      "a.heic",
      () => fixture("turned.heic").subarray(0, 1_000),
      "IMAGE_CORRUPT",
    ],
    [
      "a HEIC of noise",
      "a.heic",
      () => Buffer.concat([fixture("turned.heic").subarray(0, 400), randomBytes(800)]),
      "IMAGE_CORRUPT",
    ],
  ])("[B29] [B30] [B31] [B32] [Z10] [Z13] [Z14] %s", async (_what, name, make, code) => {
    const { send, names, home } = await openReceiver();

    await expect(send(name, await make())).rejects.toMatchObject({
      code,
      hint: expect.stringMatching(/.{10}/) as string,
    });
    expect(names()).toBeNull();
    expect(readdirSync(home.staging).filter((entry) => !entry.endsWith(".json"))).toEqual([]);
  });

  it("and is told to who asks for the upload afterwards, until it is sent anew", async () => {
    const { send, context } = await openReceiver();
    await expect(send("a.jpg", html)).rejects.toMatchObject({ code: "MIME_MISMATCH" });
    const state = await operationHandlers["upload-state"](
      { transferId: "tr_1", target: { dataset: "photos", filename: "a.jpg" } },
      context,
    );

    expect(state).toMatchObject({
      storedBytes: 0,
      complete: null,
      problem: { code: "MIME_MISMATCH" },
    });
  });
});

describe("an archive", () => {
  const caption = (text: string): Buffer => Buffer.from(text);
  const regular = 0o100644;

  it("[B32] of pictures with captions becomes their dataset, all at once, without its folders and clutter", async () => {
    const { send, folder, names } = await openReceiver();
    const png = await drawn().png().toBuffer();
    const { complete } = await send(
      "photos.zip",
      zipOf([
        { name: "dog/", mode: 0o40755 },
        { name: "dog/a.png", bytes: png, mode: regular },
        { name: "dog/a.txt", bytes: caption("a dog") },
        { name: "dog/inner/b.HEIC", bytes: fixture("upright.heic"), zip64: true },
        { name: "dog/stored.txt", bytes: caption("stored"), method: 0 },
        { name: "dog/notes.pdf", bytes: caption("x") },
        { name: "dog/cut.jpg", bytes: (await drawn().jpeg().toBuffer()).subarray(0, 300) },
        { name: "__MACOSX/dog/._a.png", bytes: caption("x") },
        { name: "dog/.DS_Store", bytes: caption("x") },
        { name: "dog/Thumbs.db", bytes: caption("x") },
        { name: "dog/kätzchen.txt", bytes: caption("ein Kätzchen") },
      ]),
    );

    expect(names()).toEqual(["a.png", "a.txt", "b.jpg", "kätzchen.txt", "stored.txt"]);
    expect(readFileSync(join(folder, "a.png")).equals(png)).toBe(true);
    expect(complete).toMatchObject({
      path: "datasets/photos",
      archive: {
        files: 5,
        images: 2,
        captions: 3,
        skipped: [
          { filename: "notes.pdf", code: "TYPE_REFUSED" },
          { filename: "cut.jpg", code: "IMAGE_CORRUPT" },
        ],
        skippedTotal: 2,
        changed: [{ filename: "b.HEIC", storedAs: "b.jpg", change: "heic_to_jpeg" }],
      },
    });
  });

  it("adds to a dataset that is there, and comes again without harm", async () => {
    const { send, folder, names } = await openReceiver();
    mkdirSync(folder);
    writeFileSync(join(folder, "before.txt"), "before");
    const archive = zipOf([{ name: "a.txt", bytes: caption("one") }]);
    await send("more.zip", archive);
    await send("more.zip", archive);

    expect(names()).toEqual(["a.txt", "before.txt"]);
  });

  it("of which all or none is wanted is refused for one file, and says which", async () => {
    const { send, names } = await openReceiver();
    const archive = zipOf([
      { name: "a.txt", bytes: caption("one") },
      { name: "b.png", bytes: caption("no picture") },
    ]);

    await expect(send("strict.zip", archive, true)).rejects.toMatchObject({
      code: "ARCHIVE_REFUSED",
      details: { problems: [{ filename: "b.png", code: "MIME_MISMATCH" }] },
    });
    expect(names()).toBeNull();
  });

  const zeros = Buffer.alloc(limits.archiveRatioFromBytes + 1);
  const link = { name: "l.txt", bytes: caption("/etc/passwd"), mode: 0o120777 };
  const plain = { name: "a.txt", bytes: caption("one") };
  const refused: [string, readonly ZipEntry[], string, object][] = [
    ["that unpacks a thousandfold", [plain, { name: "b.txt", bytes: zeros }], "ARCHIVE_RATIO", {}],
    [
      "with a name that leads out",
      [plain, { name: "../b.txt" }],
      "ARCHIVE_ENTRY_REFUSED",
      { entry: 2 },
    ],
    ["with .. in the middle", [{ name: "x/../../b.txt" }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    [
      "with a name of Windows that leads out",
      [{ name: "x\\..\\..\\b.txt" }],
      "ARCHIVE_ENTRY_REFUSED",
      { entry: 1 },
    ],
    ["with an absolute name", [{ name: "/etc/b.txt" }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    ["with a drive in a name", [{ name: "C:\\b.txt" }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    ["with a NUL in a name", [{ name: "b\0.txt" }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    ["with a link", [plain, plainNamed("b.txt"), link], "ARCHIVE_ENTRY_REFUSED", { entry: 3 }],
    ["with a pipe", [{ name: "p.txt", mode: 0o010644 }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    ["with the same name twice", [plain, plain], "ARCHIVE_ENTRY_REFUSED", { entry: 2 }],
    [
      "with the same name in two cases",
      [plain, plainNamed("x/A.TXT")],
      "ARCHIVE_ENTRY_REFUSED",
      { entry: 2 },
    ],
    [
      "with a name in two compositions",
      [plainNamed("é.txt"), plainNamed("e\u0301.txt")],
      "ARCHIVE_ENTRY_REFUSED",
      { entry: 2 },
    ],
    ["that is encrypted", [{ ...plain, flags: 0x801 }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    ["packed in an unknown way", [{ ...plain, method: 12 }], "ARCHIVE_ENTRY_REFUSED", { entry: 1 }],
    [
      "whose entries share bytes",
      [plain, { ...plainNamed("b.txt"), offset: 0 }],
      "ARCHIVE_ENTRY_REFUSED",
      {},
    ],
    ["in an archive", [plain, plainNamed("b.zip")], "NESTED_ARCHIVE", { entry: 2 }],
    ["in an archive, of another kind", [plainNamed("b.tar")], "NESTED_ARCHIVE", { entry: 1 }],
    [
      "in an archive, under another name",
      [
        { name: "b.txt", bytes: zipOf([]), method: 0 },
        { name: "c.jpg", bytes: zipOf([plain]) },
      ],
      "NESTED_ARCHIVE",
      { entry: 2 },
    ],
    [
      "with a wrong checksum",
      [plain, { ...plainNamed("b.txt"), crc: 1 }],
      "ARCHIVE_CORRUPT",
      { entry: 2 },
    ],
    [
      "whose entry is larger than it says",
      [{ ...plain, declared: { bytes: 2 } }],
      "ARCHIVE_CORRUPT",
      { entry: 1 },
    ],
    [
      "whose entry is smaller than it says",
      [{ ...plain, declared: { bytes: 9 } }],
      "ARCHIVE_CORRUPT",
      { entry: 1 },
    ],
    [
      "that says it is larger than any disk",
      [{ ...plain, zip64: true, declared: { bytes: 2 ** 45 } }],
      "ARCHIVE_TOO_LARGE",
      {},
    ],
    ["of nothing that is for a dataset", [plainNamed("readme.pdf")], "ARCHIVE_REFUSED", {}],
    ["of nothing at all", [{ name: "empty/" }], "DATASET_EMPTY", {}],
  ];
  it.each(refused)(
    "[B26] [B27] [B28] [Z1] [Z3] [Z4] [Z5] [Z6] [Z7] [Z8] [Z9] %s is refused, and nothing is written",
    async (_what, entries, code, details) => {
      const { send, names, home } = await openReceiver();

      await expect(send("bad.zip", zipOf(entries))).rejects.toMatchObject({ code, details });
      expect(names()).toBeNull();
      expect(readdirSync(home.root)).not.toContain("b.txt");
      expect(readdirSync(home.staging).filter((entry) => !entry.endsWith(".json"))).toEqual([]);
    },
  );

  it("[Z2] that is none, is cut, or says that it has too many entries is refused", async () => {
    const { send, names } = await openReceiver();
    const whole = zipOf([plain]);

    for (const bytes of [randomBytes(200), whole.subarray(0, -10), Buffer.alloc(0)]) {
      await expect(send("bad.zip", bytes)).rejects.toMatchObject({ code: "ARCHIVE_CORRUPT" });
    }
    const many = zipOf([plain], { entryCount: limits.archiveEntries + 1 });
    await expect(send("many.zip", many)).rejects.toMatchObject({ code: "ARCHIVE_TOO_LARGE" });
    expect(names()).toBeNull();
  });

  it("[B10] does not write through a link that lies in the dataset's place", async () => {
    const { send, home } = await openReceiver();
    const outside = temporaryFolder();
    symlinkSync(outside, join(home.datasets, "photos"));

    await expect(send("a.zip", zipOf([plain]))).rejects.toMatchObject({ code: "PATH_ESCAPE" });
    expect(readdirSync(outside)).toEqual([]);
  });

  function plainNamed(name: string): ZipEntry {
    return { name, bytes: Buffer.from("x") };
  }
});

describe("a decoder that does not come back", () => {
  it("[Z12] is ended, and the next file finds another one", async () => {
    const slow = startIntake({ pictureMs: 1 });
    const folder = temporaryFolder();
    writeFileSync(join(folder, "a.png"), await drawn().png().toBuffer());
    const question = { folder, file: "a.png", output: join(folder, "out") };

    await expect(slow.picture(question)).rejects.toMatchObject({ code: "IMAGE_CORRUPT" });
    expect(await intake.picture(question)).toEqual({ format: "png", change: null });
  });

  it("that cannot even start is no fault of the file", async () => {
    const broken = startIntake({ entry: join(temporaryFolder(), "none.ts") });

    await expect(
      broken.picture({ folder: "/", file: "a.png", output: "/nowhere" }),
    ).rejects.not.toHaveProperty("code");
  });
});
