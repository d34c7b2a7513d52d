import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { newJobId } from "@trainyard/shared/ids.ts";
import { limits } from "@trainyard/shared/limits.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { openSource } from "../../../gpu-agent/files/file-source.ts";
import { openHome } from "../../../gpu-agent/home.ts";
import { drawText } from "../../../gpu-agent/samples/digit-font.ts";
import { cellPlace, sheetLayout } from "../../../gpu-agent/samples/sheet-layout.ts";
import { createSheets } from "../../../gpu-agent/samples/sheets.ts";
import { systemTime } from "../../../gpu-agent/time.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

const entry = fileURLToPath(new URL("../../../gpu-agent/samples/sheet-child.ts", import.meta.url));

async function noise(side: number, seed: number): Promise<Buffer> {
  const pixels = Buffer.alloc(side * side * 3);
  let state = seed;
  for (let at = 0; at < pixels.length; at += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    pixels[at] = state >> 16;
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

function openBox() {
  const home = openHome(temporaryFolder());
  const folder = join(home.outputs, "dog", "samples");
  mkdirSync(folder, { recursive: true });
  const sheets = createSheets({
    entry,
    home,
    time: systemTime,
    findOutput: (folder) => ({ root: home.outputs, folder }),
  });
  onTestFinished(() => sheets.close());
  const segments = (name: string) => ["dog", "samples", name];
  return { home, folder, sheets, segments };
}

describe("contact sheets", () => {
  it("puts each picture into its place, whatever its form, and the file behind a link", async () => {
    const { home, folder, sheets, segments } = openBox();
    const colour = { r: 250, g: 10, b: 10 };
    const wide = sharp({ create: { width: 200, height: 100, channels: 3, background: colour } });
    writeFileSync(join(folder, "red.jpg"), await wide.jpeg().toBuffer());
    writeFileSync(join(folder, "torn.png"), (await noise(64, 1)).subarray(0, 3_000));
    const jobId = newJobId();

    const sheet = await sheets.make({
      jobId,
      steps: [0, 250],
      prompts: [0, 3],
      pictures: [
        { step: 250, index: 3, segments: segments("red.jpg") },
        { step: 0, index: 0, segments: segments("torn.png") },
      ],
    });

    expect(sheet).toMatchObject({ missing: 1 });
    const layout = sheetLayout(2, 2);
    expect([sheet.width, sheet.height]).toEqual([layout.width, layout.height]);
    const { data, info } = await sharp(Buffer.from(sheet.jpeg, "base64"))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    const { left, top } = cellPlace(layout, 1, 1);
    const [r = 0, g = 0, b = 0] = at(left + layout.cell / 2, top + layout.cell / 2);
    expect([r > 220, g < 50, b < 50]).toEqual([true, true, true]);
    // Above the wide picture the cell is empty, not stretched.
    expect(at(left + layout.cell / 2, top + 4)[0]).toBeLessThan(80);

    const file = openSource(home, { kind: "sheet", jobId, name: sheet.name }, () => null);
    file.close();
    expect(file.stat.size).toBe(sheet.bytes);
  });

  it("stays within its bytes when every picture is noise, and keeps the newest only", async () => {
    const { home, folder, sheets, segments } = openBox();
    writeFileSync(join(folder, "noise.png"), await noise(300, 7));
    const jobId = newJobId();
    const steps = Array.from({ length: limits.sheetSteps }, (_, n) => n * 100);
    const prompts = [0, 1, 2, 3];
    const pictures = steps.flatMap((step) =>
      prompts.map((index) => ({ step, index, segments: segments("noise.png") })),
    );

    const sheet = await sheets.make({ jobId, steps, prompts, pictures });

    expect(sheet.bytes).toBeLessThanOrEqual(limits.sheetBytes);
    expect(sheet.missing).toBe(0);
    expect(sheet.width).toBeGreaterThan(400);
    expect(readdirSync(join(home.jobs, jobId, "sheets"))).toEqual([sheet.name]);
  });

  it("follows no link and decodes no bomb", async () => {
    const { folder, sheets, segments } = openBox();
    symlinkSync("/etc/hostname", join(folder, "link.png"));
    const bomb = sharp({
      create: { width: 16_000, height: 16_000, channels: 3, background: { r: 0, g: 0, b: 0 } },
      limitInputPixels: false,
    });
    writeFileSync(join(folder, "bomb.png"), await bomb.png({ compressionLevel: 9 }).toBuffer());

    await expect(
      sheets.make({
        jobId: newJobId(),
        steps: [0, 1],
        prompts: [0],
        pictures: [
          { step: 0, index: 0, segments: segments("link.png") },
          { step: 1, index: 0, segments: segments("bomb.png") },
        ],
      }),
    ).rejects.toMatchObject({
      code: "SHEET_FAILED",
      details: { reason: "none of the pictures can be read" },
    });
  });
});

describe("drawText", () => {
  it("draws digits without any font", () => {
    const { width, height, pixels } = drawText("1", 1);
    const rows = Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => (pixels[y * width + x] === 255 ? "#" : ".")).join(""),
    );
    expect(rows).toEqual(["..#...", ".##...", "..#...", "..#...", "..#...", "..#...", ".###.."]);
    expect(drawText("1é", 2).width).toBe(12);
  });
});
