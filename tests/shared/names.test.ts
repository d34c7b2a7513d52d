import { describe, expect, it } from "vitest";
import { AppError } from "../../shared/errors.ts";
import {
  foldName,
  parseConfigRef,
  parseDatasetFolder,
  parseDatasetRef,
  parseFilename,
  parseModelPath,
  parseName,
  parseOutputRef,
} from "../../shared/names.ts";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return "accepted";
}

describe("parseName", () => {
  it.each(["a", "My_LoRA-v1.2", "0", "x".repeat(64), "console", "com10", "a..b"])(
    "accepts %j",
    (name) => {
      expect(parseName("job", name)).toBe(name);
    },
  );

  it.each([
    ["", "INVALID_NAME"],
    [7, "INVALID_NAME"],
    [null, "INVALID_NAME"],
    ["a/b", "INVALID_NAME"],
    ["a\\b", "INVALID_NAME"],
    ["a%2fb", "INVALID_NAME"],
    ["..", "INVALID_NAME"],
    [".hidden", "INVALID_NAME"],
    ["-rf", "INVALID_NAME"],
    ["_x", "INVALID_NAME"],
    ["a ", "INVALID_NAME"],
    ["a.", "INVALID_NAME"],
    ["a\u200db", "INVALID_NAME"],
    ["a\u202eb", "INVALID_NAME"],
    ["a\n", "INVALID_NAME"],
    ['a"b', "INVALID_NAME"],
    ["[name]", "INVALID_NAME"],
    ["é", "INVALID_NAME"],
    ["CON", "RESERVED_NAME"],
    ["nul.txt", "RESERVED_NAME"],
    ["aux.", "RESERVED_NAME"],
    ["LPT9.tar.gz", "RESERVED_NAME"],
    ["x".repeat(65), "NAME_TOO_LONG"],
    ["x".repeat(300), "NAME_TOO_LONG"],
  ])("[B1] [B2] [B3] [B4] [B5] [B17] refuses %j as %s", (name, code) => {
    expect(codeOf(() => parseName("dataset", name))).toBe(code);
  });

  it("says what is allowed and shows nothing raw", () => {
    try {
      parseName("job", "\u001b[31m\u202e<img>");
    } catch (error) {
      const { message, hint } = error as AppError;
      // oxlint-disable-next-line no-control-regex -- these must not be there
      expect(message).not.toMatch(/[\u0000-\u001f\u202e<>]/);
      expect(hint).toContain("letters, digits");
    }
    expect.assertions(2);
  });
});

describe("foldName", () => {
  it("[B6] makes names equal that are one folder somewhere", () => {
    expect(foldName("MyLora")).toBe(foldName("mylora"));
    expect(foldName("caf\u00e9")).toBe(foldName("CAFE\u0301"));
    expect(foldName("a")).not.toBe(foldName("b"));
  });
});

describe("references", () => {
  it.each(["x", "datasets/x", "/ai-toolkit/datasets/x", "/ai-toolkit/datasets/x/"])(
    "takes %j for the dataset x",
    (value) => {
      expect(parseDatasetRef(value)).toBe("x");
    },
  );

  it.each(["o1", "outputs/o1", "/ai-toolkit/outputs/o1"])("takes %j for the output o1", (value) => {
    expect(parseOutputRef(value)).toBe("o1");
  });

  it.each(["c", "config/c", "configs/c", "/ai-toolkit/config/c", "/ai-toolkit/configs/c"])(
    "takes %j for the config c",
    (value) => {
      expect(parseConfigRef(value)).toBe("c");
    },
  );

  it.each([
    ["../../etc", "INVALID_NAME"],
    ["..", "INVALID_NAME"],
    ["datasets/../x", "INVALID_NAME"],
    ["/ai-toolkit/datasets/../../etc/passwd", "INVALID_NAME"],
    ["..\\x", "INVALID_NAME"],
    ["a/b", "INVALID_NAME"],
    ["/etc", "INVALID_NAME"],
    ["/datasets/x", "INVALID_NAME"],
    ["/ai-toolkit/outputs/x", "INVALID_NAME"],
    ["/ai-toolkit/datasets", "INVALID_NAME"],
    ["/ai-toolkit/datasets/", "INVALID_NAME"],
    ["/ai-toolkit/datasets/a/b", "INVALID_NAME"],
    ["datasets//x", "INVALID_NAME"],
    ["./x", "INVALID_NAME"],
    ["C:\\x", "INVALID_NAME"],
    ["\\\\host\\share", "INVALID_NAME"],
    ["file:///etc", "INVALID_NAME"],
    ["datasets/CON", "RESERVED_NAME"],
    [undefined, "INVALID_NAME"],
  ])("[B1] [B2] [B3] refuses %j as %s", (value, code) => {
    expect(codeOf(() => parseDatasetRef(value))).toBe(code);
  });
});

describe("[W20] parseDatasetFolder", () => {
  it.each(["My Photos", "datasets/My Photos", "/ai-toolkit/datasets/My Photos/"])(
    "takes %j for a folder that was there before",
    (value) => {
      expect(parseDatasetFolder(value)).toBe("My Photos");
    },
  );

  it.each(["Übung 2024 (alt)", "写真", "x".repeat(80)])("takes %j", (value) => {
    expect(parseDatasetFolder(value)).toBe(value);
  });

  it.each([
    ["../../etc", "INVALID_NAME"],
    ["a/b", "INVALID_NAME"],
    ["a\\b", "INVALID_NAME"],
    ["a%2fb", "INVALID_NAME"],
    ["/etc/My Photos", "INVALID_NAME"],
    ["My Photos ", "INVALID_NAME"],
    ["My.", "INVALID_NAME"],
    ["My\u200bPhotos", "INVALID_NAME"],
    ["\u202esotohp", "INVALID_NAME"],
    [".trash", "INVALID_NAME"],
    ["datasets/.trash", "INVALID_NAME"],
    ["..", "INVALID_NAME"],
    ["x".repeat(300), "NAME_TOO_LONG"],
    ["nul.txt", "RESERVED_NAME"],
    [undefined, "INVALID_NAME"],
  ])("refuses %j as %s", (value, code) => {
    expect(codeOf(() => parseDatasetFolder(value))).toBe(code);
  });
});

describe("[W20] [B7] [B8] parseFilename", () => {
  it.each(["a.jpg", "Übung 写真 1.png", "a..b.txt", "_x.webp", "e\u0301.jpg", "🚂.png"])(
    "accepts %j",
    (name) => {
      expect(parseFilename(name)).toBe(name);
    },
  );

  it.each([
    ["", "INVALID_FILENAME"],
    [3, "INVALID_FILENAME"],
    ["a\u0000.jpg", "INVALID_FILENAME"],
    ["a\nb.jpg", "INVALID_FILENAME"],
    ["a/b.jpg", "INVALID_FILENAME"],
    ["a\\b.jpg", "INVALID_FILENAME"],
    ["..", "INVALID_FILENAME"],
    [".hidden", "INVALID_FILENAME"],
    ["a.", "INVALID_FILENAME"],
    ["a ", "INVALID_FILENAME"],
    ["a.jpg:stream", "INVALID_FILENAME"],
    ["photo\u202egpj.exe", "INVALID_FILENAME"],
    ["a\u200b.jpg", "INVALID_FILENAME"],
    ["\ud800.jpg", "INVALID_FILENAME"],
    ["é".repeat(101), "INVALID_FILENAME"],
    [".aitk_size.json", "RESERVED_FILENAME"],
    [".AITK_size.json", "RESERVED_FILENAME"],
    [".job_config.json", "RESERVED_FILENAME"],
    ["con.jpg", "RESERVED_FILENAME"],
  ])("refuses %j as %s", (name, code) => {
    expect(codeOf(() => parseFilename(name))).toBe(code);
  });
});

describe("[W20] [B14] parseModelPath", () => {
  it.each([
    ["j/j.safetensors", ["j", "j.safetensors"]],
    ["outputs/j/j.safetensors", ["j", "j.safetensors"]],
    ["/ai-toolkit/outputs/j/j.safetensors", ["j", "j.safetensors"]],
    ["/ai-toolkit/outputs/j.safetensors", ["j.safetensors"]],
    ["50% linen v1.5/a b.safetensors", ["50% linen v1.5", "a b.safetensors"]],
  ])("reads %j", (value, segments) => {
    expect(parseModelPath(value)).toEqual(segments);
  });

  it.each([
    ["/etc/passwd", "INVALID_MODEL_REF"],
    ["\\\\host\\share\\x", "INVALID_MODEL_REF"],
    ["file:///x", "INVALID_MODEL_REF"],
    ["j/../../x", "PATH_ESCAPE"],
    ["j//x", "INVALID_MODEL_REF"],
    ["/ai-toolkit/outputs/", "INVALID_MODEL_REF"],
    ["j/.job_config.json", "RESERVED_FILENAME"],
    ["", "INVALID_MODEL_REF"],
  ])("refuses %j as %s", (value, code) => {
    expect(codeOf(() => parseModelPath(value))).toBe(code);
  });
});
