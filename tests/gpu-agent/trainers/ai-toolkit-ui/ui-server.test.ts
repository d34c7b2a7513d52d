import { describe, expect, it, onTestFinished } from "vitest";
import { createUiApi } from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-api.ts";
import {
  createUiServer,
  uiAddress,
} from "../../../../gpu-agent/trainers/ai-toolkit-ui/ui-server.ts";
import { startScriptedUi } from "../../../support/scripted-ui.ts";
import { temporaryFolder } from "../../support/temporary-home.ts";

async function open(environment: Record<string, string> = {}, answerMs = 5_000) {
  const ui = await startScriptedUi(temporaryFolder());
  onTestFinished(() => ui.close());
  const address = uiAddress({ AI_TOOLKIT_SERVER_URL: ui.url, ...environment });
  if (address === null) throw new Error("no address");
  return { ui, api: createUiApi(createUiServer(address, { answerMs, answerBytes: 20_000 })) };
}

describe("the Web UI's address", () => {
  it.each([
    ["http://127.0.0.1:9000/", "http://127.0.0.1:9000", true],
    ["localhost", "http://localhost:8675", true],
    ["http://gpu-box", "http://gpu-box:8675", false],
    ["http://gpu-box:80", "http://gpu-box", false],
    ["https://ui.example/kit/", "https://ui.example/kit", false],
    ["http://[::1]", "http://[::1]:8675", true],
  ])("%s is %s", (named, url, loopback) => {
    expect(uiAddress({ AI_TOOLKIT_SERVER_URL: named })).toMatchObject({ url, loopback });
  });

  it.each(["ftp://x", "http://", "http://user:secret@box"])("%s is none", (named) => {
    expect(() => uiAddress({ AI_TOOLKIT_SERVER_URL: named })).toThrow(
      expect.objectContaining({ kind: "setting" }),
    );
  });

  it("is none where nobody names it, and a token that no header can carry is refused", () => {
    expect(uiAddress({})).toBeNull();
    expect(() => uiAddress({ AI_TOOLKIT_SERVER_URL: "box", AI_TOOLKIT_AUTH: "a\r\nb: c" })).toThrow(
      "header",
    );
  });
});

describe("the Web UI's answers", () => {
  it("come with the token, and are refused without it", async () => {
    const { ui, api } = await open({ AI_TOOLKIT_AUTH: "right" });
    ui.token = "right";
    await api.auth();
    ui.token = "another";
    await expect(api.auth()).rejects.toMatchObject({ kind: "unauthorized", said: "Unauthorized" });
  });

  it("are cut off where they are too large, too slow or not whole", async () => {
    const { ui, api } = await open({}, 300);
    ui.fault = () => ({ text: "x".repeat(30_000) });
    await expect(api.auth()).rejects.toMatchObject({ kind: "too-large" });
    ui.fault = () => ({ silent: true });
    await expect(api.auth()).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringContaining("within"),
    });
    ui.fault = () => ({ cut: true });
    await expect(api.auth()).rejects.toMatchObject({ kind: "unreachable" });
    ui.fault = () => ({ text: "<html>" });
    await expect(api.auth()).rejects.toMatchObject({ kind: "odd" });
    await ui.down();
    await expect(api.auth()).rejects.toMatchObject({ kind: "unreachable", said: "ECONNREFUSED" });
  });

  it("are read by their own oddities", async () => {
    const { api } = await open();
    expect(await api.job("none-such")).toBeNull();
    expect(await api.jobByRef("trainyard:nothing")).toBeNull();
    // The three that only update fail at a job that is not there.
    await expect(api.request("none-such", "save")).rejects.toMatchObject({ kind: "refused" });
    await expect(api.enqueue("none-such")).rejects.toMatchObject({ kind: "not-found" });
    const made = await api.create({ name: "a", gpuIds: "0", config: {}, ref: "r" });
    await expect(api.create({ name: "a", gpuIds: "0", config: {} })).rejects.toMatchObject({
      kind: "conflict",
    });
    await api.enqueue(made.id);
    expect(await api.queues()).toEqual([{ gpuIds: "0", running: false }]);
    await api.startQueue("0");
    expect(await api.queues()).toEqual([{ gpuIds: "0", running: true }]);
    expect(await api.losses(made.id, "loss/loss", -1)).toMatchObject({ keys: [], points: [] });
    expect(await api.log(made.id, 0)).toEqual({ log: "", offset: 0, reset: true });
    expect(await api.settings()).not.toHaveProperty("HF_TOKEN");
  });

  it("leave out what is no job, and keep the rest", async () => {
    const { ui, api } = await open();
    const good = ui.add("good", { status: "running", step: "7" as unknown as number });
    ui.add("", { status: "running" });
    ui.add("undated", { status: "running", created_at: "yesterday" });
    ui.add("traversal", { status: "running", id: "../../etc" });
    expect(await api.jobs("active")).toMatchObject([{ id: good.id, step: 7 }]);
  });
});
