"""Exports a trained run: `python scripts/export.py --run-id ID --format safetensors|huggingface|gguf|mlx --output FOLDER`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.job import Job, job_from_file, job_of_run  # noqa: E402
from trainer.progress import said_stopped, say  # noqa: E402
from trainer.training_run_manager import now, write_json  # noqa: E402


def run(job: Job) -> None:
    from trainer.exporting import Stopped, export, upload, usage_of

    if job.adapters is None:
        raise SystemExit("This stage is not trained yet.")
    options = job.options
    target = Path(options["target"])
    try:
        files = export(job.settings, job.adapters, target, options, job.name)
    except Stopped:
        said_stopped()
        return
    repository = options.get("hf_repo_id")
    private = (job.settings.get("huggingface") or {}).get("private_repos", True)
    url = upload(target, repository, private) if repository else None
    merged = options.get("merge_adapters", True)
    entry = {
        "run_id": job.run_id,
        "stage": job.stage,
        "at": now(),
        "export_format": options["format"],
        "merged": merged,
        "path": str(target),
        "bytes": sum(file["bytes"] for file in files),
        "files": files,
        "huggingface_url": url,
        "usage_instructions": usage_of(options["format"], str(target), merged, job.settings["base_model"]["model_id"]),
    }
    write_json((target.parent if job.run.output == job.run.run_directory else job.run.output) / "export.json", entry)
    job.run.add("exports", {key: entry[key] for key in ("stage", "at", "export_format", "path", "bytes", "huggingface_url")})
    say(f"Saved {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-id")
    parser.add_argument("--stage", type=int, choices=(1, 2), help="default: the last that is trained")
    parser.add_argument("--format", choices=("safetensors", "huggingface", "gguf", "mlx"), default="safetensors")
    parser.add_argument("--output", default="exported_model")
    parser.add_argument("--keep-adapters", action="store_true", help="do not merge them into the base model")
    parser.add_argument("--upload-to", help="a repository on the Hugging Face Hub; needs HF_TOKEN")
    parser.add_argument("--job", type=Path)
    given = parser.parse_args()
    if given.job is not None:
        run(job_from_file(given.job))
        return
    options = {"format": given.format, "target": str(Path(given.output).resolve()), "merge_adapters": not given.keep_adapters, "hf_repo_id": given.upload_to}
    run(job_of_run(given.run_id, given.stage, options))


if __name__ == "__main__":
    main()
