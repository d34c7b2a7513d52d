import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findToolkit } from "../../../../gpu-agent/trainers/ai-toolkit/installation.ts";
import { temporaryFolder } from "../../support/temporary-home.ts";

function write(path: string, text = "", mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** A folder that looks like a checkout, for where it is found and what is read of it; nothing in it runs. */
function checkout(root: string, trainer = "save_now sample_now def should_stop(self):"): string {
  write(join(root, "run.py"));
  write(join(root, "toolkit", "job.py"));
  write(join(root, "version.py"), 'VERSION = "0.12.26"\n');
  write(join(root, "extensions_built_in", "sd_trainer", "DiffusionTrainer.py"), trainer);
  return root;
}

const python = (folder: string): string => {
  write(join(folder, "bin", "python"), "#!/bin/sh\n", 0o700);
  return join(folder, "bin", "python");
};

const commit = "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350";

describe("findToolkit", () => {
  it("takes the named folder and the environment inside it", () => {
    const home = temporaryFolder();
    const root = checkout(join(home, "anywhere"));
    const inside = python(join(root, "venv"));
    write(join(root, ".git", "HEAD"), "ref: refs/heads/main\n");
    write(join(root, ".git", "packed-refs"), `# pack-refs\n${commit} refs/heads/main\n`);

    expect(findToolkit({ AI_TOOLKIT_PATH: root }, home, home)).toEqual({
      kind: "found",
      installation: {
        root,
        python: inside,
        version: "0.12.26",
        commit,
        requests: ["save", "sample", "stop"],
      },
    });
  });

  it("prefers .venv to venv, and a named Python to both", () => {
    const home = temporaryFolder();
    const root = checkout(join(home, "ai-toolkit"));
    python(join(root, "venv"));
    const newer = python(join(root, ".venv"));
    const named = python(join(home, "mine"));

    expect(findToolkit({}, home, home)).toMatchObject({ installation: { root, python: newer } });
    expect(findToolkit({ AI_TOOLKIT_PYTHON: named }, home, home)).toMatchObject({
      installation: { python: named },
    });
  });

  it.each([
    ["an active environment", (home: string) => ({ VIRTUAL_ENV: join(home, "env") }), "env"],
    ["a conda environment of its name", () => ({}), "miniconda3/envs/ai-toolkit"],
  ])("finds %s", (_what, environment, folder) => {
    const home = temporaryFolder();
    checkout(join(home, "ai-toolkit"));
    const there = python(join(home, folder));

    expect(findToolkit(environment(home), home, home)).toMatchObject({
      installation: { python: there },
    });
  });

  it("reads a detached head, and says null where there is no checkout", () => {
    const home = temporaryFolder();
    const root = checkout(join(home, "ai-toolkit"));
    python(join(root, "venv"));
    expect(findToolkit({}, home, home)).toMatchObject({ installation: { commit: null } });

    write(join(root, ".git", "HEAD"), `${commit}\n`);
    expect(findToolkit({}, home, home)).toMatchObject({ installation: { commit } });
  });

  it("knows from the source what an older trainer can be asked", () => {
    const home = temporaryFolder();
    const root = checkout(join(home, "ai-toolkit"), "def should_stop(self):");
    python(join(root, "venv"));

    expect(findToolkit({}, home, home)).toMatchObject({ installation: { requests: ["stop"] } });
  });

  it("does not look elsewhere when the named folder is wrong", () => {
    const home = temporaryFolder();
    python(join(checkout(join(home, "ai-toolkit")), "venv"));

    expect(findToolkit({ AI_TOOLKIT_PATH: join(home, "nowhere") }, home, home)).toEqual({
      kind: "no-toolkit",
      looked: [join(home, "nowhere")],
      named: true,
    });
  });

  it("says that only its Python is missing", () => {
    const home = temporaryFolder();
    const root = checkout(join(home, "ai-toolkit"));

    expect(findToolkit({ PATH: "" }, home, home)).toMatchObject({ kind: "no-python", root });
  });
});
