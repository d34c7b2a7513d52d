"""Looks at datasets (`--check FILE…`), or splits one into data/processed: `python scripts/prepare_dataset.py data/raw/all.jsonl`."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.dataset_preparator import DatasetError, Fields, describe, load_examples, split  # noqa: E402
from trainer.training_run_manager import write_json  # noqa: E402


def check(files: list[str], format: str, fields: Fields, multiplier: float, threshold: float) -> None:
    """One JSON line: for each file what is in it, or why it cannot be used."""
    found = []
    for file in files:
        try:
            found.append({"ok": True, **describe(Path(file), format, fields, multiplier, threshold)})
        except (DatasetError, OSError) as error:
            found.append({"ok": False, "problem": str(error)[:1_000]})
        except Exception as error:  # A damaged Parquet file throws what its library likes.
            found.append({"ok": False, "problem": f"{type(error).__name__}: {error}"[:1_000]})
    print(json.dumps({"datasets": found}))


def prepare(source: Path, settings: dict) -> None:
    from trainer.job import PROJECT

    dataset = settings["dataset"]
    fields = Fields.of(dataset)
    examples = load_examples(source, dataset["format"], fields)
    ratios = tuple(dataset.get(f"{part}_split", default) for part, default in (("train", 0.8), ("validation", 0.1), ("test", 0.1)))
    parts = split(examples, ratios, settings["training"].get("seed", 42))
    folder = PROJECT / "data" / "processed"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(("train", "valid", "test"), parts, strict=True):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                values = {fields.instruction: row.instruction, fields.output: row.output}
                if fields.quality:
                    values[fields.quality] = row.quality
                if fields.metadata and row.metadata is not None:
                    values[fields.metadata] = row.metadata
                file.write(json.dumps(values, ensure_ascii=False) + "\n")
        print(f"{len(rows)} rows in data/processed/{name}.jsonl")
    multiplier = settings["training"].get("quality_weight_multiplier", 1.0)
    write_json(PROJECT / "data" / "quality_reports" / f"{source.stem}.json", describe(source, dataset["format"], fields, multiplier))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--format", default="jsonl")
    parser.add_argument("--instruction-field", default="instruction")
    parser.add_argument("--output-field", default="output")
    parser.add_argument("--quality-field")
    parser.add_argument("--multiplier", type=float, default=1.0)
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--config")
    given = parser.parse_args()
    if given.check:
        fields = Fields(given.instruction_field, given.output_field, given.quality_field)
        check(given.files, given.format, fields, given.multiplier, given.threshold)
        return
    from trainer.job import project_settings

    prepare(Path(given.files[0]), project_settings(given.config))


if __name__ == "__main__":
    main()
