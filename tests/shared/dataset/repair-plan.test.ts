import { describe, expect, it } from "vitest";
import type {
  CaptionState,
  DatasetImage,
  ImageProblem,
} from "../../../shared/dataset/dataset-image.ts";
import { planRepairs } from "../../../shared/dataset/repair-plan.ts";

const all = {
  fillMissingCaptions: true,
  fillEmptyCaptions: true,
  quarantineDuplicates: true,
  quarantineCorrupt: true,
  triggerWord: null,
};

function image(
  path: string,
  more: { caption?: CaptionState; sha256?: string; problem?: ImageProblem } = {},
): DatasetImage {
  return {
    path,
    bytes: 1,
    modifiedAtMs: 1,
    caption: { state: more.caption ?? "filled", text: "" },
    picture: {
      problem: more.problem ?? null,
      format: "jpeg",
      width: 1,
      height: 1,
      sha256: more.sha256 ?? path,
      look: null,
    },
  };
}

const paths = (plan: ReturnType<typeof planRepairs>) =>
  plan.steps.map((step) => `${step.kind} ${step.path}`);

describe("planRepairs", () => {
  it("moves first, and writes no caption for what goes", () => {
    const plan = planRepairs(
      [
        image("a.jpg", { caption: "missing" }),
        image("b.jpg", { caption: "missing", problem: "IMAGE_CORRUPT" }),
        image("c.jpg", { caption: "empty", sha256: "a.jpg" }),
        image("_quarantine/d.jpg", { caption: "missing" }),
      ],
      all,
    );

    expect(paths(plan)).toEqual([
      "move b.jpg",
      "move c.jpg",
      "move c.txt",
      "move _quarantine/d.jpg",
      "write a.txt",
    ]);
  });

  it("keeps of copies the one with a caption", () => {
    const plan = planRepairs(
      [image("a.jpg", { sha256: "x", caption: "missing" }), image("b.jpg", { sha256: "x" })],
      all,
    );
    expect(paths(plan)).toEqual(["move a.jpg"]);
  });

  it("leaves a caption that another image shares", () => {
    const plan = planRepairs([image("a.jpg", { problem: "IMAGE_CORRUPT" }), image("a.png")], all);
    expect(paths(plan)).toEqual(["move a.jpg"]);
  });

  it("writes one caption for two images that share it", () => {
    const plan = planRepairs(
      [image("a.jpg", { caption: "missing" }), image("a.png", { caption: "missing" })],
      all,
    );
    expect(paths(plan)).toEqual(["write a.txt"]);
  });

  it("does only what is wanted and counts all", () => {
    const plan = planRepairs(
      [image("a.jpg", { caption: "missing" }), image("b.jpg", { problem: "MIME_MISMATCH" })],
      { ...all, fillMissingCaptions: false, quarantineCorrupt: false, quarantineDuplicates: false },
    );
    expect(plan.steps).toEqual([]);
    expect(plan.counts).toMatchObject({ create_missing_captions: 1, quarantine_corrupt: 1 });
    expect(plan.enabled).toMatchObject({ quarantine_corrupt: false });
  });

  it("takes nothing away that may only be large or slow", () => {
    const plan = planRepairs(
      [
        image("a.jpg", { problem: "IMAGE_TOO_LARGE" }),
        image("b.jpg", { problem: "DECODER_FAILED" }),
      ],
      all,
    );
    expect(plan.steps).toEqual([]);
  });
});
