import { afterEach, describe, expect, it } from "vitest";
import { connectClient, eras } from "../support/mcp-client.ts";
import { createYard } from "../support/yard.ts";

const yard = await createYard();
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

describe.each(eras)("prompts for a client of the era %s", (_name, era) => {
  const client = async (path: string, scope: "read" | "train" | "admin") => {
    const made = await connectClient(yard, era, path, scope);
    open.push(made);
    return made;
  };
  const looking = ["why_did_it_fail", "compare_last_two", "catch_me_up"];
  const all = ["train_character", "train_style", ...looking];

  it.each([
    ["/mcp", "admin", all],
    ["/mcp", "train", all],
    ["/mcp", "read", looking],
    ["/mcp/core", "train", all],
    ["/mcp/readonly", "admin", looking],
  ] as const)("are listed at %s with the scope %s", async (path, scope, names) => {
    const { prompts } = await (await client(path, scope)).listPrompts();

    expect(prompts.map(({ name }) => name)).toEqual(names);
    expect(prompts.every(({ title, description }) => title !== "" && description !== "")).toBe(
      true,
    );
  });

  it("are one message of the user's, with the arguments in the calls", async () => {
    const made = await client("/mcp", "admin");
    const { description, messages } = await made.getPrompt({
      name: "why_did_it_fail",
      arguments: { job_id: "job_1", agent: " " },
    });

    expect(description).toContain("cause");
    expect(messages).toEqual([
      {
        role: "user",
        content: {
          type: "text",
          text: expect.stringMatching(
            /\n1\. get-training-status \{"job_id":"job_1","detail":"full"\}: /,
          ) as string,
        },
      },
    ]);
  });

  it.each([
    ["train_hamster", {}, "PROMPT_NOT_FOUND"],
    ["catch_me_up", { hours: "soon" }, "INVALID_ARGUMENT"],
    ["catch_me_up", { days: "1" }, "UNKNOWN_KEY"],
    ["train_style", { dataset: "../x" }, "INVALID_NAME"],
  ])("refuse %s %j", async (name, given, code) => {
    const made = await client("/mcp", "admin");

    await expect(made.getPrompt({ name, arguments: given })).rejects.toMatchObject({
      code: -32_602,
      data: { code },
      message: expect.stringContaining(`${code}: `) as string,
    });
  });

  it("are refused where they are not listed", async () => {
    const made = await client("/mcp/readonly", "admin");

    await expect(made.getPrompt({ name: "train_style" })).rejects.toMatchObject({
      code: -32_602,
      data: { code: "PROMPT_NOT_FOUND" },
    });
  });
});
