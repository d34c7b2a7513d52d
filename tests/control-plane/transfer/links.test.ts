import { describe, expect, it } from "vitest";
import {
  fromBase64Url,
  mint,
  newNonce,
  toBase64Url,
  verify,
} from "../../../control-plane/transfer/links.ts";
import type { DownloadLink, UploadLink } from "../../../control-plane/transfer/links.ts";

const key = "0123456789abcdef".repeat(4);
const upload: UploadLink = {
  v: 1,
  kind: "upload",
  o: "owner",
  a: "agent_1",
  exp: 1_000,
  n: "nonce-nonce",
  d: "cats",
};
const download: DownloadLink = {
  v: 1,
  kind: "download",
  o: "owner",
  a: "agent_1",
  exp: 1_000,
  n: "nonce-nonce",
  s: { kind: "output", segments: ["cats", "cats.safetensors"] },
  name: "kätzchen.safetensors",
  bytes: 10,
  sha: "a".repeat(64),
  type: "application/octet-stream",
};
const before = 999_999;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a link", () => {
  it("carries what it was minted with", async () => {
    expect(await verify(await mint(upload, key), "upload", key, before)).toEqual(upload);
    expect(await verify(await mint(download, key), "download", key, before)).toEqual(download);
  });

  it("[B61] ends at its second", async () => {
    const token = await mint(upload, key);

    expect(await codeOf(verify(token, "upload", key, 999_999))).toBe("none");
    expect(await codeOf(verify(token, "upload", key, 1_000_000))).toBe("LINK_EXPIRED");
  });

  it("of one kind is not one of the other", async () => {
    expect(await codeOf(verify(await mint(upload, key), "download", key, before))).toBe(
      "LINK_INVALID",
    );
    expect(await codeOf(verify(await mint(download, key), "upload", key, before))).toBe(
      "LINK_INVALID",
    );
  });

  it("signed with another key is refused", async () => {
    expect(await codeOf(verify(await mint(upload, "f".repeat(64)), "upload", key, before))).toBe(
      "LINK_INVALID",
    );
  });

  it("[B61] changed at any one character is refused", async () => {
    const token = await mint(upload, key);
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === "A" ? "B" : "A";
      const changed = token.slice(0, at) + other + token.slice(at + 1);

      expect(await codeOf(verify(changed, "upload", key, before)), `at ${at}`).toBe("LINK_INVALID");
    }
  });

  it.each([
    [""],
    ["."],
    ["a.b.c"],
    ["x".repeat(10_000)],
    ["%00.%00"],
    [`${toBase64Url(new TextEncoder().encode(JSON.stringify(upload)))}.`],
    [toBase64Url(new TextEncoder().encode(JSON.stringify(upload)))],
  ])("that is %j is refused", async (token) => {
    expect(await codeOf(verify(token, "upload", key, before))).toBe("LINK_INVALID");
  });

  it("[B61] with a foreign payload under an old signature is refused", async () => {
    const [, signature] = (await mint(upload, key)).split(".");
    const body = toBase64Url(new TextEncoder().encode(JSON.stringify({ ...upload, o: "other" })));

    expect(await codeOf(verify(`${body}.${signature}`, "upload", key, before))).toBe(
      "LINK_INVALID",
    );
  });

  it("has one spelling: trailing bits and padding are refused", async () => {
    const token = await mint(upload, key);

    expect(await codeOf(verify(`${token}=`, "upload", key, before))).toBe("LINK_INVALID");
    expect(fromBase64Url("AB")).toBeNull();
    expect(fromBase64Url("AA")).toEqual(new Uint8Array([0]));
  });

  it("is never made or believed without a key", async () => {
    await expect(mint(upload, "")).rejects.toThrow("TRAINYARD_LINK_KEY");
    await expect(verify("a.AA", "upload", "", before)).rejects.toThrow("TRAINYARD_LINK_KEY");
  });

  it("differs from every other one", () => {
    expect(newNonce()).not.toBe(newNonce());
  });
});
