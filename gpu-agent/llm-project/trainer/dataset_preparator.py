"""Datasets: reading three formats, mapping their fields, weighting by quality, splitting. The standard library is enough, but for Parquet."""

import csv
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOOD_WORDS = {"high", "good", "excellent", "best", "gold"}
SHOWN_PROBLEMS = 20

csv.field_size_limit(1 << 24)


class DatasetError(ValueError):
    """A dataset that cannot be trained on, with the rows that say why."""


@dataclass(frozen=True)
class Example:
    instruction: str
    output: str
    quality: Any = None
    metadata: Any = None


@dataclass(frozen=True)
class Fields:
    instruction: str = "instruction"
    output: str = "output"
    quality: str | None = None
    metadata: str | None = None

    @staticmethod
    def of(dataset: dict[str, Any]) -> "Fields":
        return Fields(
            dataset.get("instruction_field") or "instruction",
            dataset.get("output_field") or "output",
            dataset.get("quality_field"),
            dataset.get("metadata_field"),
        )


def read_rows(path: Path, format: str) -> Iterator[tuple[int, Any]]:
    """Rows with their number, as a person counts them in the file; what cannot be read is an exception in place of the row."""
    if format == "jsonl":
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip() == "":
                    continue
                try:
                    yield number, json.loads(line)
                except ValueError as error:
                    yield number, error
    elif format == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                yield reader.line_num, row
    elif format == "parquet":
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise DatasetError("Parquet files need pyarrow: pip install pyarrow") from error
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=1_024):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    else:
        raise DatasetError(f"{format} is no format: use jsonl, csv or parquet.")


def load_examples(path: Path, format: str, fields: Fields) -> list[Example]:
    """Throws DatasetError with the first bad rows; a file with one is not trained on in part."""
    examples: list[Example] = []
    problems: list[str] = []
    bad = 0
    try:
        for number, row in read_rows(path, format):
            example = _example(row, fields)
            if isinstance(example, Example):
                examples.append(example)
                continue
            bad += 1
            if len(problems) < SHOWN_PROBLEMS:
                problems.append(f"row {number}: {example}")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name} is not UTF-8 text.") from error
    if bad > 0:
        raise DatasetError(f"{path.name} has {bad} rows that cannot be used: {'; '.join(problems)}")
    if not examples:
        raise DatasetError(f"{path.name} holds no row.")
    return examples


def _example(row: Any, fields: Fields) -> Example | str:
    if isinstance(row, Exception):
        return "no JSON"
    if not isinstance(row, dict):
        return "no object"
    texts = []
    for field in (fields.instruction, fields.output):
        value = row.get(field)
        if not isinstance(value, str) or value.strip() == "":
            return f"{field} is missing or no text"
        texts.append(value)
    return Example(
        texts[0],
        texts[1],
        row.get(fields.quality) if fields.quality else None,
        row.get(fields.metadata) if fields.metadata else None,
    )


def quality_weights(examples: list[Example], multiplier: float, threshold: float = 0.7) -> list[float]:
    """
    `multiplier` for a row of high quality, 1 for any other. A number is high from `threshold` of the scale on, which is 0 to 1, or
    to the largest value where one is above 1; a word is high when it says so.
    """
    numbers = [_number(example.quality) for example in examples]
    scale = max([1.0, *(number for number in numbers if number is not None)])
    return [
        float(multiplier) if _is_high(example.quality, number, threshold * scale) else 1.0
        for example, number in zip(examples, numbers, strict=True)
    ]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def _is_high(value: Any, number: float | None, least: float) -> bool:
    if isinstance(value, bool):
        return value
    if number is not None:
        return number >= least
    return isinstance(value, str) and value.strip().lower() in GOOD_WORDS


def stage_order(rows: int, count: int, seed: int, weights: list[float] | None = None, replay_ratio: float = 0.0) -> list[int]:
    """
    Which row each of `count` places of a stage trains, decided beforehand, so that a resumed run sees what the first would have seen.
    Without weights: every row once, shuffled, again and again. With weights: drawn by weight, but a share of `replay_ratio` drawn
    evenly from all rows, against forgetting.
    """
    source = random.Random(seed)
    if weights is None:
        order: list[int] = []
        while len(order) < count:
            round_ = list(range(rows))
            source.shuffle(round_)
            order.extend(round_)
        return order[:count]
    drawn = source.choices(range(rows), weights=weights, k=count)
    return [source.randrange(rows) if source.random() < replay_ratio else row for row in drawn]


def split(rows: list[Any], ratios: tuple[float, float, float], seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Train, validation and test. A part whose ratio is above 0 gets at least one row where there are enough."""
    if not rows or min(ratios) < 0 or not 0.99 < sum(ratios) < 1.01:
        raise DatasetError("The split ratios are none below 0 and add up to 1, and there has to be a row.")
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    sizes = [round(len(rows) * ratio) for ratio in ratios[1:]]
    if len(rows) >= 3:
        sizes = [max(size, 1) if ratio > 0 else 0 for size, ratio in zip(sizes, ratios[1:], strict=True)]
    validation, test = sizes
    return (
        shuffled[validation + test :],
        shuffled[:validation],
        shuffled[validation : validation + test],
    )


def describe(path: Path, format: str, fields: Fields, multiplier: float = 1.0, threshold: float = 0.7) -> dict[str, Any]:
    """What is in a dataset: rows, its hash, lengths, how many rows are of high quality. Throws DatasetError."""
    examples = load_examples(path, format, fields)
    weights = quality_weights(examples, 2.0, threshold)
    high = sum(weight > 1 for weight in weights)
    lengths = sorted(len(example.instruction) + len(example.output) for example in examples)
    pairs = {(example.instruction, example.output) for example in examples}
    return {
        "rows": len(examples),
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "characters_median": lengths[len(lengths) // 2],
        "characters_max": lengths[-1],
        "duplicate_rows": len(examples) - len(pairs),
        "high_quality_rows": high if fields.quality else None,
        "rows_without_quality": sum(example.quality in (None, "") for example in examples) if fields.quality else None,
        "effective_rows": round(len(examples) + high * (multiplier - 1)) if fields.quality else len(examples),
    }


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
