"""Makes a run of this project: `python scripts/configure_run.py NAME --train FILE [--validation FILE] [--test FILE]`."""

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.dataset_preparator import Fields, describe  # noqa: E402
from trainer.job import PROJECT, project_settings  # noqa: E402
from trainer.training_run_manager import MANIFEST, new_manifest, write_json  # noqa: E402


def configure(name: str, settings: dict[str, Any], data: dict[str, str | None]) -> str:
    """Returns the run's id. Throws DatasetError for a dataset that cannot be trained on; then nothing is written."""
    format, fields = settings["dataset"]["format"], Fields.of(settings["dataset"])
    paths = {key: str((PROJECT / file).resolve()) for key, file in data.items() if file and (PROJECT / file).is_file()}
    facts = {key: {"path": path, **describe(Path(path), format, fields)} for key, path in paths.items()}
    if "train" not in facts:
        raise SystemExit(f"There is no training data at {data['train']}: run scripts/prepare_dataset.py first.")
    run_id = f"{name}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    folder = PROJECT / "runs" / run_id
    roles = ("train", "validation", "test")
    kept = {"run_id": run_id, "run_name": name, "config": settings, "data": {key: paths.get(key) for key in roles}}
    # As they were named: Trainyard looks for them itself when the run is started there.
    write_json(folder / "run-config.json", {**kept, "references": {key: data[key] if key in paths else None for key in roles}})
    write_json(folder / MANIFEST, new_manifest(run_id, name, settings["project"]["name"], settings, facts))
    print(run_id)
    return run_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--train", default="data/processed/train.jsonl")
    parser.add_argument("--validation", default="data/processed/valid.jsonl")
    parser.add_argument("--test", default="data/processed/test.jsonl")
    parser.add_argument("--config")
    given = parser.parse_args()
    configure(given.name, project_settings(given.config), {"train": given.train, "validation": given.validation, "test": given.test})


if __name__ == "__main__":
    main()
