import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanLines } from "../../shared/logs/lines/clean-lines.ts";
import { createFragmenter } from "../../shared/logs/fragments.ts";
import { redact } from "../../shared/redact.ts";

const hex = "0123456789abcdef0123456789abcdef01234567";
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("redact", () => {
  it.each([
    ["token hf_abcdefghijklmnopqrstuvwx end", "token [redacted:hf_token] end"],
    ["OPENAI_API_KEY=sk-proj-abcdefghijklmnop1234", "OPENAI_API_KEY=[redacted:api_key]"],
    [`ghp_${"a1".repeat(18)}`, "[redacted:github_token]"],
    [`github_pat_${"a1_".repeat(10)}`, "[redacted:github_token]"],
    ["AKIAIOSFODNN7EXAMPLE", "[redacted:aws_key]"],
    [`jwt ${jwt}.`, "jwt [redacted:jwt]."],
    ["Authorization: Bearer abc.def", "Authorization: Bearer [redacted:authorization]"],
    [
      '{"authorization": "Basic dXNlcjpwdw=="}',
      '{"authorization": "Basic [redacted:authorization]"}',
    ],
    ["curl -H bearer abcdefghijklmnop123", "curl -H bearer [redacted:authorization]"],
    ["https://user:p@ss@host/x?y=a@b", "https://[redacted:url_credentials]@host/x?y=a@b"],
    [`wandb: api key is ${hex}`, "wandb: api key is [redacted:wandb_key]"],
    [`WANDB_API_KEY=${hex}`, "WANDB_API_KEY=[redacted:wandb_key]"],
  ])("%j", (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(expected)).toBe(expected);
  });

  it.each([
    `commit ${hex}`,
    "hf_transfer is on",
    "sk-learn 1.0",
    "https://host/path@2x.png",
    "lr: 1.0e-04 loss: 1.2e-01",
    "bearer of news",
  ])("leaves %j alone", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("takes out known values in every form they travel in", () => {
    const secret = "pa ss/wörd+1";
    const base64 = Buffer.from(secret).toString("base64").replace(/=+$/, "");
    const text = `a ${secret} b ${encodeURIComponent(secret)} c ${base64} d`;

    expect(redact(text, [{ value: secret, kind: "owner_token" }])).toBe(
      "a [redacted:owner_token] b [redacted:owner_token] c [redacted:owner_token] d",
    );
  });

  it("takes the longer of two known values and ignores tiny ones", () => {
    expect(redact("swordfish-9 sword x", ["sword!", "swordfish-9", "x"])).toBe(
      "[redacted:secret] sword x",
    );
  });

  it("is idempotent and never throws", () => {
    const parts = fc.constantFrom(
      "Authorization: ",
      "Bearer ",
      "https://",
      "@",
      ":",
      "hf_",
      "eyJ",
      ".",
      "wandb ",
      hex,
      "sk-",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string({ unit: "binary" }))), (pieces) => {
        const once = redact(pieces.join(""));
        expect(redact(once)).toBe(once);
      }),
    );
  });

  it("redacts a log line the same however its bytes were cut", () => {
    const log =
      "损失 https://u:p@host hf_abcdefghijklmnopqrstuvwx\rAuthorization: Bearer xyz\nknown-secret\n";
    const bytes = new TextEncoder().encode(log);
    const expected = cleanLines(log, { secrets: ["known-secret"] });
    expect(JSON.stringify(expected)).not.toMatch(/hf_a|xyz|known-secret|u:p/);

    for (let cut = 0; cut <= bytes.length; cut++) {
      const fragmenter = createFragmenter();
      const fragments = [
        ...fragmenter.push(bytes.subarray(0, cut)),
        ...fragmenter.push(bytes.subarray(cut)),
      ];
      const text = fragments.map((f) => redact(f.text, ["known-secret"])).join("\n");
      expect(text).not.toMatch(/hf_a|xyz|known-secret|u:p/);
    }
  });

  it("stays quick on long hostile lines", () => {
    for (const text of [
      "wandb ".repeat(10_000),
      "a://".repeat(10_000),
      "Authorization".repeat(5_000),
      "eyJ".repeat(20_000),
      `${"a.".repeat(32_000)} ://`,
    ]) {
      const startedAt = performance.now();
      redact(text);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    }
  });

  it("knows a secret that joined its list after the first line", () => {
    const secrets = ["swordfish"];
    redact("x", secrets);
    secrets.push("marlin-77");

    expect(redact("marlin-77 and swordfish", secrets)).toBe(
      "[redacted:secret] and [redacted:secret]",
    );
  });
});
