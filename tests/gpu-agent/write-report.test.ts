import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OperationArgs, OperationValue } from "@trainyard/shared/protocol/operations.ts";
import { openHome } from "../../gpu-agent/home.ts";
import type { Home } from "../../gpu-agent/home.ts";
import type { OperationContext } from "../../gpu-agent/operations/operation-context.ts";
import { writeReport } from "../../gpu-agent/operations/write-report.ts";

let root = "";
let home: Home;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ty-report-"));
  home = openHome(join(root, "home"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(
  change: Partial<OperationArgs<"write-report">> = {},
): OperationValue<"write-report"> {
  const args = {
    folder: ["week"],
    name: "observability-job_1-20261121-060000-000",
    files: [
      { extension: "json" as const, text: "{}" },
      { extension: "html" as const, text: "<p>" },
    ],
    ...change,
  };
  return writeReport(args, { home } as OperationContext) as OperationValue<"write-report">;
}

describe("[W20] write-report", () => {
  it("writes below outputs/reports and says where", () => {
    const { paths } = write();

    expect(paths).toEqual([
      "outputs/reports/week/observability-job_1-20261121-060000-000.json",
      "outputs/reports/week/observability-job_1-20261121-060000-000.html",
    ]);
    expect(readFileSync(join(home.root, paths[0] ?? ""), "utf8")).toBe("{}");
  });

  it("never writes over a file: all of the report get another name", () => {
    write();
    const { paths } = write({
      files: [
        { extension: "html", text: "new" },
        { extension: "md", text: "new" },
      ],
    });

    expect(paths.every((path) => path.includes("-000-2."))).toBe(true);
    expect(readdirSync(join(home.outputs, "reports", "week"))).toHaveLength(4);
    expect(
      readFileSync(
        join(home.outputs, "reports/week/observability-job_1-20261121-060000-000.html"),
        "utf8",
      ),
    ).toBe("<p>");
  });

  it.each([[[".."]], [["a/b"]], [[""]], [["."]]])("refuses the folder %j", (folder) => {
    expect(() => write({ folder })).toThrow();
    expect(readdirSync(root)).toEqual(["home"]);
  });

  it.each(["../x", "a/b", ".hidden"])("refuses the name %s", (name) => {
    expect(() => write({ name })).toThrow();
  });

  it("follows no link out of the outputs", () => {
    const outside = join(root, "outside");
    mkdirSync(outside);
    symlinkSync(outside, join(home.outputs, "reports"));

    expect(() => write()).toThrow(expect.objectContaining({ code: "PATH_ESCAPE" }));
    expect(readdirSync(outside)).toEqual([]);
  });

  it("leaves nothing of a report that cannot be written whole", () => {
    const folder = join(home.outputs, "reports", "week");
    mkdirSync(join(folder, "r.html"), { recursive: true });
    const { paths } = write({ name: "r" });

    expect(paths).toEqual(["outputs/reports/week/r-2.json", "outputs/reports/week/r-2.html"]);
    expect(readdirSync(folder).toSorted()).toEqual(["r-2.html", "r-2.json", "r.html"]);
  });
});
