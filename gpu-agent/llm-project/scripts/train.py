"""Trains a run: `python scripts/train.py --run-id ID [--stage 1|2]`. Without --run-id a run is made of data/processed first."""

import argparse
import importlib.util
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.job import Job, job_from_file, job_of_run, project_settings  # noqa: E402


def trainer_for(job: Job):
    """MLX where it is wanted and there, else transformers."""
    wants_mlx = (job.settings.get("mlx") or {}).get("enabled", False)
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    if wants_mlx and apple and importlib.util.find_spec("mlx_lm") is not None:
        from trainer.mlx_trainer import MlxTrainer

        return MlxTrainer(job)
    from trainer.transformers_trainer import TransformersTrainer

    return TransformersTrainer(job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-id")
    parser.add_argument("--stage", type=int, choices=(1, 2), help="only this one; default: all that are configured")
    parser.add_argument("--config", help="default: config/fine_tuning_config.yaml; only read for a new run")
    parser.add_argument("--job", type=Path, help="a job file, as Trainyard writes it, in place of all the others")
    given = parser.parse_args()
    if given.job is not None:
        job = job_from_file(given.job)
    else:
        run_id = given.run_id
        if run_id is None:
            from scripts.configure_run import configure

            run_id = configure("run", project_settings(given.config), {"train": "data/processed/train.jsonl", "validation": "data/processed/valid.jsonl"})
        job = job_of_run(run_id, given.stage)
    try:
        trainer_for(job).run()
    except BaseException:
        job.run.settle("failed")
        raise


if __name__ == "__main__":
    main()
