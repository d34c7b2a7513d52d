import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { newJobId } from "@trainyard/shared/ids.ts";
import { expect, test } from "vitest";
import { attemptFiles, openHome } from "../../../gpu-agent/home.ts";
import { createTinyTrainer } from "../../../gpu-agent/trainers/tiny-trainer.ts";
import { temporaryFolder } from "../support/temporary-home.ts";

test.each(["$(id)", "`id`", "; rm -rf /", "--config=/etc/passwd", "%PATH%", 'a"b\\'])(
  "[B15] a trigger word %j stands in the config's file as it is, and in no argument and no variable",
  async (word) => {
    const home = openHome(temporaryFolder());
    mkdirSync(join(home.datasets, "dog"));
    const jobId = newJobId();
    const files = attemptFiles(home, jobId, 1);
    const process = { trigger_word: word, datasets: [{ folder_path: "dog" }] };
    const trainer = createTinyTrainer({ entry: "/tiny.js", version: "0" });

    const prepared = await trainer.prepare({
      jobId,
      attempt: 1,
      document: { config: { name: "x", process: [process] } },
      slot: "cpu",
      totalSteps: 1,
      home,
      files,
      outputName: "my-job",
    });

    expect(prepared.args).toEqual(["/tiny.js", files.config]);
    expect(prepared.environment).toEqual({ AITK_JOB_ID: jobId });
    expect(JSON.parse(prepared.configText)).toMatchObject({
      config: { process: [{ trigger_word: word }] },
    });
  },
);
