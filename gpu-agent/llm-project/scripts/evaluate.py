"""Evaluates a trained run: `python scripts/evaluate.py --run-id ID --test-data FILE [--stage 1|2]`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.dataset_preparator import Fields, load_examples, sha256_of  # noqa: E402
from trainer.job import Job, job_from_file, job_of_run  # noqa: E402
from trainer.progress import metric_line, said_stopped, say  # noqa: E402
from trainer.training_run_manager import now, write_json  # noqa: E402


def run(job: Job) -> None:
    from trainer.evaluation import Stopped, evaluate
    from trainer.models import load_adapted, load_tokenizer

    file = Path(job.options["test_dataset"])
    dataset = job.settings["dataset"]
    examples = load_examples(file, job.options.get("format") or dataset["format"], Fields.of(dataset))
    say(f"Dataset: {len(examples)} rows to evaluate on")
    if job.adapters is None:
        raise SystemExit("This stage is not trained yet.")
    model = load_adapted(job.settings, job.adapters)
    try:
        results = evaluate(model, load_tokenizer(job.settings), examples, job.settings, job.name)
    except Stopped:
        said_stopped()
        return
    threshold = (job.settings.get("evaluation") or {}).get(f"stage{job.stage}_threshold")
    entry = {
        "run_id": job.run_id,
        "stage": job.stage,
        "at": now(),
        "test_dataset": {"path": str(file), "sha256": sha256_of(file)},
        "adapters": str(job.adapters),
        "threshold": threshold,
        "meets_threshold": None if threshold is None else results["accuracy"] >= threshold,
        **results,
    }
    own = job.run.output / f"stage{job.stage}" / "evaluation" if job.run.output == job.run.run_directory else job.run.output
    say(metric_line({"eval_loss": results["loss"], "eval_accuracy": results["accuracy"], "eval_perplexity": results["perplexity"], "step": 1}))
    write_json(own / "evaluation.json", entry)
    job.run.add("evaluations", {key: entry[key] for key in ("stage", "at", "accuracy", "perplexity", "custom_metrics")} | {"results_file": str(own / "evaluation.json")})
    say(f"Saved {own / 'evaluation.json'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-id")
    parser.add_argument("--test-data", help="default: the run's own")
    parser.add_argument("--stage", type=int, choices=(1, 2), help="default: the last that is trained")
    parser.add_argument("--job", type=Path)
    given = parser.parse_args()
    if given.job is not None:
        run(job_from_file(given.job))
        return
    job = job_of_run(given.run_id, given.stage)
    test = given.test_data or job.data.get("test")
    if test is None:
        raise SystemExit("Give --test-data: the run has no test dataset.")
    run(job_of_run(given.run_id, given.stage, {"test_dataset": test}))


if __name__ == "__main__":
    main()
