import { describe, expect, it } from "vitest";
import { tools } from "../../../shared/tools/registry.ts";

/** First words of a description: what the tool does to the world stands there. */
const readingWords = new Set(
  "Checks Grades Judges Lists Plans Proposes Ranks Returns Shows Waits".split(" "),
);
const writingWords = new Set(
  "Adds Changes Copies Deletes Makes Moves Renames Repairs Restores Saves Sends Starts Stops Validates Writes".split(
    " ",
  ),
);
/** Words by which a reader knows that something can be lost, or that something leaves for elsewhere. */
const losing = /\b(?:delet|drop|overwrit|purg|remov|replac|stops? a job|trash)/i;
const leaving = /\b(?:alert route|standing route|webhook|Slack|Discord|ntfy|Hugging Face|W&B)/i;
const changesNothing = /\bChanges nothing\./;

/** Makes something, though its first word tells what comes back. */
const returnsWhatItMakes: ReadonlySet<string> = new Set(["create-upload-link"]);

describe.each(tools.map((tool) => [tool.name, tool] as const))("%s", (name, tool) => {
  const { annotations, description, scope } = tool;
  const first = description.split(" ")[0] ?? "";

  it("begins with what it does, and is marked so", () => {
    if (annotations.readOnlyHint) {
      expect(readingWords).toContain(first);
      expect(writingWords).not.toContain(first);
      expect(scope).toBe("read");
      return;
    }
    expect(scope).not.toBe("read");
    expect(description).not.toMatch(changesNothing);
    if (!returnsWhatItMakes.has(name)) expect(readingWords).not.toContain(first);
  });

  it("names what can be lost if and only if it is marked destructive", () => {
    const said = losing.test(description.replaceAll(/\bnone is overwritten\b/g, ""));

    expect(said).toBe(annotations.destructiveHint);
    if (annotations.destructiveHint) expect(annotations.readOnlyHint).toBe(false);
  });

  it("names where something goes if and only if it is marked open to the world", () => {
    if (annotations.openWorldHint) expect(description).toMatch(leaving);
    else if (!annotations.readOnlyHint && scope !== "admin") {
      expect(description).not.toMatch(leaving);
    }
  });

  it("is marked repeatable where it reads, and is not where each call makes a new thing", () => {
    if (annotations.readOnlyHint) expect(annotations.idempotentHint).toBe(true);
    if (/^(?:start-|run-|test-|create-upload-link)/.test(name)) {
      expect(annotations.idempotentHint).toBe(false);
    }
  });

  it("has every hint in front of the user's eyes agree with its name", () => {
    // What is measured on the box is a job there.
    if (name === "evaluate-model") return expect(annotations.readOnlyHint).toBe(false);
    const verb = name.split("-")[0] ?? "";

    if (
      ["list", "get", "compare", "evaluate", "suggest", "recommend", "validate", "watch"].includes(
        verb,
      )
    ) {
      expect(annotations.readOnlyHint).toBe(true);
    }
    if (["delete", "stop", "purge"].includes(verb)) expect(annotations.destructiveHint).toBe(true);
    if (["start", "run", "set", "upload", "delete", "stop"].includes(verb)) {
      expect(annotations.readOnlyHint).toBe(false);
    }
  });
});
