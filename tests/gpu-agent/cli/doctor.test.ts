import { describe, expect, it } from "vitest";
import { findingsOf } from "../../../gpu-agent/cli/doctor/findings.ts";
import type { BoxFacts } from "../../../gpu-agent/cli/doctor/findings.ts";
import { UiProblem } from "../../../gpu-agent/trainers/ai-toolkit-ui/ui-server.ts";
import type { UiProblemKind } from "../../../gpu-agent/trainers/ai-toolkit-ui/ui-server.ts";
import type { UiLook } from "../../../gpu-agent/trainers/ai-toolkit-ui/ui-state.ts";

const healthy: BoxFacts = {
  node: "24.21.0",
  home: "/home/me/.trainyard",
  homeProblem: null,
  freeBytes: 500 * 1024 ** 3,
  policyProblem: null,
  missingRoots: [],
  gpus: [{ name: "RTX 4090", memoryMib: 24_564 }],
  toolkit: {
    kind: "found",
    installation: {
      root: "/opt/ai-toolkit",
      python: "/opt/ai-toolkit/venv/bin/python",
      version: "0.12.26",
      commit: "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350",
      requests: ["save", "sample", "stop"],
    },
  },
  imports: { key: "k", atMs: 0, problem: null, torch: "2.13.0", cuda: "13.0", gpus: 1 },
  tableMs: 0.3,
  tableMsMax: 5,
  llm: {
    python: "/venv/bin/python",
    look: {
      key: "k",
      atMs: 0,
      problem: null,
      versions: { torch: "2.13.0", peft: "0.18.1" },
      cuda: true,
      bitsandbytes: true,
      mlx: false,
    },
  },
  hasHubToken: true,
  ui: null,
};

const look: UiLook = {
  problem: null,
  version: "0.12.26",
  settings: { trainingFolder: "/opt/ai-toolkit/output", datasetsFolder: "/d" },
  queues: [{ gpuIds: "0", running: true }],
  running: 1,
  queued: 2,
};
const server = { shown: "127.0.0.1:8675", look, folderAllowed: true };
const without = (kind: UiProblemKind) => ({
  ui: { ...server, look: { ...look, problem: new UiProblem(kind, "It says no.") } },
});

const found = (facts: Partial<BoxFacts>, name: string) =>
  findingsOf({ ...healthy, ...facts }).find((finding) => finding.name === name);

describe("findingsOf", () => {
  it("has nothing to mend on a healthy box", () => {
    expect(
      findingsOf(healthy).filter(({ status, fix }) => status !== "ok" || fix !== null),
    ).toEqual([]);
  });

  it("says how the server of the Web UI is", () => {
    expect(found({ ui: server }, "ui")).toEqual({
      name: "ui",
      status: "ok",
      message: "127.0.0.1:8675 answers; AI Toolkit 0.12.26; 1 running, 2 queued; queue 0 runs",
      fix: null,
    });
    expect(found({}, "ui")).toBeUndefined();
  });

  it("says that files of the Web UI's jobs cannot be read, and why", () => {
    const of = (folderAllowed: boolean | null) =>
      findingsOf({ ...healthy, ui: { ...server, folderAllowed } }).filter(
        ({ name, status }) => name === "ui" && status === "warning",
      );
    expect(of(true)).toEqual([]);
    expect(of(false)).toMatchObject([{ fix: expect.stringContaining("ai_toolkit_ui_roots") }]);
    expect(of(null)).toMatchObject([{ fix: expect.stringContaining("not on this box") }]);
  });

  it("says what language models can have here", () => {
    expect(found({}, "llm")?.message).toBe(
      "/venv/bin/python: torch 2.13.0, peft 0.18.1, CUDA, q4 and q8",
    );
  });

  it.each<[string, string, Partial<BoxFacts>, string, string]>([
    ["a Web UI that is down", "ui", without("unreachable"), "problem", "build_and_start"],
    ["a wrong token", "ui", without("unauthorized"), "problem", "AI_TOOLKIT_AUTH"],
    ["another server", "ui", without("odd"), "problem", "something else"],
    ["a Web UI's address that is none", "ui", without("setting"), "problem", "for example"],
    [
      "a queue that stands",
      "ui",
      {
        ui: {
          ...server,
          look: { ...look, running: 0, queues: [{ gpuIds: "0", running: false }] },
        },
      },
      "warning",
      "no queue runs",
    ],
    ["an old Node", "node", { node: "20.20.2" }, "problem", "through npm"],
    ["a home that cannot be written", "home", { homeProblem: "EACCES" }, "problem", "--home"],
    ["little room", "disk", { freeBytes: 1024 ** 3 }, "warning", "Free some space"],
    ["a broken policy", "policy", { policyProblem: "wrong" }, "problem", "policy.json"],
    ["a model folder that is gone", "policy", { missingRoots: ["/m"] }, "warning", "Mount"],
    ["no card", "gpu", { gpus: null }, "warning", "driver"],
    ["no Python for language models", "llm", { llm: null }, "warning", "TRAINYARD_LLM_PYTHON"],
    [
      "a Python without peft",
      "llm",
      { llm: { ...healthy.llm!, look: { ...healthy.llm!.look, problem: "No module named peft" } } },
      "warning",
      "peft",
    ],
    [
      "a PyTorch without CUDA",
      "gpu",
      { imports: { ...healthy.imports!, cuda: null, gpus: 0 } },
      "problem",
      "build without CUDA",
    ],
    [
      "a driver that is too old for its CUDA",
      "gpu",
      { imports: { ...healthy.imports!, gpus: 0 } },
      "problem",
      "CUDA 13.0",
    ],
    [
      "no toolkit",
      "toolkit",
      { toolkit: { kind: "no-toolkit", looked: ["/a"], named: false } },
      "problem",
      "git clone",
    ],
    [
      "a wrong AI_TOOLKIT_PATH",
      "toolkit",
      { toolkit: { kind: "no-toolkit", looked: ["/a"], named: true } },
      "problem",
      "run.py",
    ],
    [
      "no Python for it",
      "python",
      { toolkit: { kind: "no-python", root: "/a", looked: [] } },
      "problem",
      "AI_TOOLKIT_PYTHON",
    ],
    [
      "a missing package",
      "imports",
      {
        imports: {
          ...healthy.imports!,
          problem: { line: "ModuleNotFoundError: No module named 'lpips'", fix: null },
        },
      },
      "problem",
      "pip install -r",
    ],
    ["a slow disk", "table", { tableMs: 40 }, "warning", "local disk"],
    ["no token", "token", { hasHubToken: false }, "warning", "HF_TOKEN"],
  ])("names %s and what to do", (_what, name, facts, status, fix) => {
    expect(found(facts, name)).toMatchObject({ status, fix: expect.stringContaining(fix) });
  });

  it("says what an older toolkit cannot be asked", () => {
    const { toolkit } = healthy;
    if (toolkit.kind !== "found") throw new Error("unreachable");
    const older = { ...toolkit.installation, requests: ["stop"] as const };
    expect(found({ toolkit: { kind: "found", installation: older } }, "toolkit")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("can be asked for: stop"),
    });
  });
});
