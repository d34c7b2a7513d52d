/**
 * Trainyard's tiny trainer: a small real trainer in plain Node, for trying and testing without a GPU.
 *
 * It is conditional image reconstruction, NOT diffusion: a small fixed random network maps a pixel's position, gated by
 * the caption's words, to a colour; low-rank adapters on its four layers are trained with Adam until it draws the
 * dataset's images. It shows real learning on real data, and only on the images it was given.
 *
 * It reads AI Toolkit's config document, prints AI Toolkit's lines and writes AI Toolkit's files, so that everything
 * around it is exercised as with the real trainer.
 *
 *   node main.ts /abs/config.json
 *   node main.ts --render adapter.safetensors --config config.json --prompt-index 0 --out picture.png [--zero]
 *
 * Environment:
 *   TRAINYARD_TRUTH_FILE          where facts are appended as JSON lines; default <output folder>/truth.jsonl
 *   TRAINYARD_TINY_STEP_DELAY_MS  waited after every step (a fraction is allowed), for a run that must last
 *   TRAINYARD_TINY_PIXELS         pixels per step, for a run that must be fast
 *
 * SIGINT ends it at once and saves nothing, as with AI Toolkit. Requests for a checkpoint, for pictures and for an orderly stop
 * come through the table that `sqlite_db_path` and AITK_JOB_ID name.
 */
import { runCommandLine } from "./command-line.ts";

process.exitCode = await runCommandLine();
