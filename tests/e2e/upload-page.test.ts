import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import axe from "axe-core";
import type { AxeResults } from "axe-core";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { limits } from "@trainyard/shared/limits.ts";
import { openBrowser } from "../support/browser.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import type { CuttingProxy } from "../support/cutting-proxy.ts";
import { pictures, root, startTrainyard, until } from "../support/trainyard.ts";
import type { Trainyard } from "../support/trainyard.ts";
import { zipOf } from "../support/zip-writer.ts";

const part = limits.partBytes;
const heic = readFileSync(join(root, "tests/fixtures/pictures/turned.heic"));
const file = (name: string, buffer: Buffer) => ({ name, mimeType: "", buffer });

describe("an upload link in a browser", () => {
  let trainyard: Trainyard;
  let proxy: CuttingProxy;
  let browser: Browser;
  let phone: BrowserContext;
  let photos: string;
  let faults: string[] = [];
  beforeAll(async () => {
    [trainyard, browser] = await Promise.all([startTrainyard(), openBrowser()]);
    photos = mkdtempSync(join(tmpdir(), "ty-photos-"));
    proxy = await startCuttingProxy(trainyard.ready.url);
    phone = await browser.newContext({
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
      colorScheme: "dark",
    });
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.close();
    await trainyard?.close();
    rmSync(photos, { recursive: true, force: true });
  });
  afterEach(() => {
    expect(faults).toEqual([]);
    faults = [];
  });

  async function openLink(args: Record<string, unknown>): Promise<{ page: Page; url: string }> {
    const { data } = await trainyard.call("create-upload-link", args);
    // Through the line that breaks.
    const url = String(data["upload_url"]).replace(trainyard.ready.url, proxy.url);
    const page = await phone.newPage();
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      // A refusal is written there by the browser itself.
      if (!message.text().startsWith("Failed to load resource")) faults.push(message.text());
    });
    await page.goto(url);
    return { page, url };
  }
  const rows = (page: Page) => page.getByRole("list", { name: "Files" }).getByRole("listitem");
  /** A large file goes to the browser by its path: as bytes it would take seconds. */
  const onDisk = (name: string, bytes: Buffer): string => {
    const path = join(photos, name);
    writeFileSync(path, bytes);
    return path;
  };
  const folder = (name: string) => join(trainyard.home, "datasets", name);
  /** What keeps somebody from using the page as it stands, by the rules of WCAG 2.2 AA that a program can judge. */
  const barriers = async (page: Page): Promise<readonly string[]> => {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<AxeResults>("axe.run(document)");
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  };

  it("takes photos, captions and a HEIC, says what is there, and refuses the rest with a sentence", async () => {
    await trainyard.upload("cats", await pictures(10, 2));
    const { page } = await openLink({ dataset_name: "cats" });
    const mine = await pictures(200, 2);
    await page.getByText("In the dataset: 2 pictures, 2 captions").waitFor();
    expect(await barriers(page)).toEqual([]);
    await page
      .getByLabel("Choose files")
      .setInputFiles([
        file("IMG_1.HEIC", heic),
        file("IMG 2.jpg", await sharp(mine["picture-0.png"]).jpeg().toBuffer()),
        file("picture-0.png", mine["picture-0.png"] as Buffer),
        file("picture-1.png", (await pictures(10, 2))["picture-1.png"] as Buffer),
        file("letter.pdf", Buffer.from("x")),
        file("cut.jpg", heic.subarray(0, 900)),
        file(".bad:name?.txt", Buffer.from("a cat")),
      ]);
    await page.getByText("4 of 7 files saved, 1 needs your answer, 2 not taken").first().waitFor();
    const said = (await rows(page).allInnerTexts()).map((text) => text.replaceAll("\n", " "));

    expect(said).toEqual([
      "IMG_1.HEIC Saved as IMG_1.jpg, converted",
      "IMG 2.jpg Saved",
      "picture-0.png Another file there has this name. Replace it Keep both Remove",
      "picture-1.png There already",
      "letter.pdf Not taken. A dataset cannot hold a file of this kind. Remove",
      expect.stringMatching(/^cut\.jpg Not taken\. .+ Try again Remove$/),
      "bad_name_.txt Saved",
    ]);
    expect(await page.locator("[role=status]").innerText()).toContain("4 of 7 files saved");
    expect(await barriers(page)).toEqual([]);

    // By the keyboard alone.
    await page.getByRole("button", { name: "Keep both: picture-0.png" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("5 of 7 files saved, 2 not taken").first().waitFor();
    const remove = page.getByRole("button", { name: "Remove: letter.pdf" });
    await remove.focus();
    await page.keyboard.press("Enter");
    await remove.waitFor({ state: "detached" });
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Try again");

    await page.getByText("In the dataset: 5 pictures, 3 captions").waitFor();
    expect(readdirSync(folder("cats")).toSorted()).toEqual([
      "IMG 2.jpg",
      "IMG_1.jpg",
      "bad_name_.txt",
      "picture-0-2.png",
      "picture-0.png",
      "picture-0.txt",
      "picture-1.png",
      "picture-1.txt",
    ]);
    const kept = readFileSync(join(folder("cats"), "picture-0-2.png"));
    expect(kept.equals(mine["picture-0.png"] as Buffer)).toBe(true);

    // Nothing to press is smaller than a finger, and nothing is wider than the smallest phone.
    const small = await page.evaluate(
      `[...document.querySelectorAll("button,.choose label,summary")].filter(e=>e.checkVisibility()&&(e.getBoundingClientRect().height<44||e.getBoundingClientRect().width<44)).map(e=>e.outerHTML)`,
    );
    expect(small).toEqual([]);
    await page.setViewportSize({ width: 320, height: 600 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
      "rgb(20, 23, 26)",
    );
    await page.close();
  });

  it("takes a zip, and names what it left out of it", async () => {
    const { page } = await openLink({ dataset_name: "zipped" });
    const [bytes] = Object.values(await pictures(40, 1)) as [Buffer];
    const zip = zipOf([
      { name: "summer/a.png", bytes },
      { name: "summer/a.txt", bytes: Buffer.from("a cat") },
      { name: "summer/notes.pdf", bytes: Buffer.from("x") },
    ]);
    await page.getByLabel("Choose files").setInputFiles([file("summer.zip", zip)]);
    await page.getByText("The file is saved. You can close this page.").first().waitFor();

    expect(await rows(page).first().innerText()).toMatch(
      /^summer\.zip\nSaved: 2 files; left out 1: notes\.pdf: A dataset cannot hold/,
    );
    expect(readFileSync(join(folder("zipped"), "a.txt"), "utf8")).toBe("a cat");
    await page.close();
  });

  it("goes on when the agent ended in the middle", async () => {
    const { page } = await openLink({ dataset_name: "ended" });
    const bytes = randomBytes(4 * part + 7);
    const before = proxy.up;
    await page.getByLabel("Choose files").setInputFiles(onDisk("ended.mp4", bytes));
    await until("one part", async () => proxy.up - before > part);
    process.kill(trainyard.pids().agent, "SIGKILL");
    await page.getByText("The file is saved. You can close this page.").first().waitFor();

    expect(readFileSync(join(folder("ended"), "ended.mp4")).equals(bytes)).toBe(true);
    await page.close();
  });

  it("talks to nobody but Trainyard", async () => {
    const { page, url } = await openLink({ dataset_name: "cats" });
    const policy = (await fetch(url, { headers: { accept: "text/html" } })).headers.get(
      "content-security-policy",
    );

    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    const elsewhere = `fetch("${trainyard.ready.url}/health").then(()=>"sent",()=>"refused")`;
    expect(await page.evaluate(elsewhere)).toBe("refused");
    expect(faults.splice(0).join(" ")).toContain("Content Security Policy");
    await page.close();
  });

  it("takes what is dropped on it", async () => {
    const { page } = await openLink({ dataset_name: "dropped" });
    const [name, bytes] = Object.entries(await pictures(30, 1))[0] as [string, Buffer];
    await page.evaluate(
      `{const data=new DataTransfer();data.items.add(new File([Uint8Array.from(atob("${bytes.toString("base64")}"),c=>c.charCodeAt(0))],"${name}"));dispatchEvent(new DragEvent("drop",{dataTransfer:data}))}`,
    );
    await page.getByText("The file is saved. You can close this page.").first().waitFor();

    expect(readFileSync(join(folder("dropped"), name)).equals(bytes)).toBe(true);
    await page.close();
  });

  it("sends at most one part again for each break, and goes on by itself after a phone slept", async () => {
    const { page } = await openLink({ dataset_name: "broken" });
    const bytes = randomBytes(4 * part + 1_234);
    const before = proxy.up;
    proxy.cut("up", [part + part / 2, part, part + 1_000]);
    await page.getByLabel("Choose files").setInputFiles(onDisk("broken.mp4", bytes));
    await until("a break", async () => proxy.up - before >= part + part / 2);
    await phone.setOffline(true);
    await page.getByText("Waiting for the connection").waitFor();
    await phone.setOffline(false);
    await page.getByText("The file is saved. You can close this page.").first().waitFor();

    expect(readFileSync(join(folder("broken"), "broken.mp4")).equals(bytes)).toBe(true);
    const sent = proxy.up - before;
    expect(sent).toBeGreaterThan(bytes.byteLength + part / 2);
    expect(sent).toBeLessThanOrEqual(bytes.byteLength + 3 * part + 64 * 1024);
    await page.close();
  });

  it("goes on under a new link when the page was closed in the middle", async () => {
    const bytes = randomBytes(3 * part);
    const clip = onDisk("clip.mp4", bytes);
    const first = await openLink({ dataset_name: "closed" });
    const before = proxy.up;
    await first.page.getByLabel("Choose files").setInputFiles(clip);
    await until("one part", async () => proxy.up - before > part + 1_000);
    await first.page.close();
    const sentFirst = proxy.up - before;
    const second = await openLink({ dataset_name: "closed" });
    const between = proxy.up;
    await second.page.getByLabel("Choose files").setInputFiles(clip);
    await second.page.getByText("The file is saved.").first().waitFor();

    expect(readFileSync(join(folder("closed"), "clip.mp4")).equals(bytes)).toBe(true);
    expect(sentFirst).toBeLessThan(bytes.byteLength);
    expect(proxy.up - between).toBeLessThanOrEqual(2 * part + 64 * 1024);
    await second.page.close();
  });

  it("takes one file of a link for one time, and says when a link has ended", async () => {
    const { page, url } = await openLink({ dataset_name: "once", one_time: true });
    await page.getByLabel("Choose a file").setInputFiles([file("a.txt", Buffer.from("one"))]);
    await page.getByText("The file is saved. You can close this page.").first().waitFor();
    await page.getByLabel("Choose a file").setInputFiles([file("b.txt", Buffer.from("two"))]);
    expect(await rows(page).count()).toBe(1);
    await trainyard.call("revoke-link", { url: url.replace(proxy.url, trainyard.ready.url) });
    await page.reload();

    expect(await page.getByRole("heading").innerText()).toBe("This link has ended");
    expect(existsSync(join(folder("once"), "b.txt"))).toBe(false);

    const other = await openLink({ dataset_name: "once" });
    const link = other.url.replace(proxy.url, trainyard.ready.url);
    await trainyard.call("revoke-link", { url: link });
    await other.page.getByLabel("Choose files").setInputFiles([file("c.txt", Buffer.from("3"))]);
    await other.page.getByRole("alert").filter({ hasText: "taken back" }).waitFor();
    expect(await other.page.getByLabel("Choose files").isDisabled()).toBe(true);
    await Promise.all([page.close(), other.page.close()]);
  });
});
