"""The project's configuration: read from YAML or JSON, overridden by the environment, checked before anything is loaded."""

import json
import os
import re
from pathlib import Path
from typing import Any

PREFIX = "FINETUNE_"

Settings = dict[str, Any]


class SettingsError(ValueError):
    """What is wrong in the configuration, by the name of the field."""


def read_settings(path: Path, environment: dict[str, str] | None = None) -> Settings:
    """Throws SettingsError for a file that is not there, no object, or has a value out of bounds."""
    if not path.is_file():
        raise SettingsError(f"There is no configuration at {path}.")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        settings = json.loads(text)
    else:
        import yaml  # Comes with transformers; a JSON file is read without it.

        settings = yaml.safe_load(text)
    if not isinstance(settings, dict):
        raise SettingsError(f"{path.name} holds no settings.")
    settings = _with_numbers(settings)
    override(settings, os.environ if environment is None else environment)
    check(settings)
    return settings


def override(settings: Settings, environment: dict[str, str]) -> None:
    """`FINETUNE_TRAINING__STAGE1__LEARNING_RATE=1e-5` stands for `training.stage1.learning_rate`."""
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        *parents, last = name[len(PREFIX) :].lower().split("__")
        place = settings
        for parent in parents:
            place = place.get(parent)
            if not isinstance(place, dict):
                raise SettingsError(f"{name} names no setting.")
        if last not in place:
            raise SettingsError(f"{name} names no setting.")
        place[last] = _parsed(text)


def _with_numbers(value: Any) -> Any:
    """`1e-6` is text in YAML 1.1, which wants `1.0e-6`; nobody means text."""
    if isinstance(value, dict):
        return {key: _with_numbers(part) for key, part in value.items()}
    return float(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d+e[+-]?\d+", value) else value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def check(settings: Settings) -> None:
    training = _section(settings, "training")
    stages = training.get("num_stages")
    if stages not in (1, 2):
        raise SettingsError("training.num_stages is 1 or 2.")
    for stage in range(1, stages + 1):
        values = _section(training, f"stage{stage}", f"training.stage{stage}")
        for key in ("iterations", "batch_size"):
            if not isinstance(values.get(key), int) or values[key] < 1:
                raise SettingsError(f"training.stage{stage}.{key} is a whole number from 1.")
        rate = values.get("learning_rate")
        if not isinstance(rate, (int, float)) or not 0 < rate <= 1:
            raise SettingsError(f"training.stage{stage}.learning_rate is above 0 and at most 1.")
    model = _section(settings, "base_model")
    if not (model.get("local_path") or model.get("model_id")):
        raise SettingsError("base_model names no model: set model_id or local_path.")
    if model.get("quantization", "none") not in ("none", "q4", "q8"):
        raise SettingsError("base_model.quantization is none, q4 or q8.")
    if _section(settings, "dataset").get("format") not in ("jsonl", "csv", "parquet"):
        raise SettingsError("dataset.format is jsonl, csv or parquet.")
    _section(settings, "lora")


def _section(settings: Settings, key: str, name: str | None = None) -> Settings:
    value = settings.get(key)
    if not isinstance(value, dict):
        raise SettingsError(f"The configuration has no section {name or key}.")
    return value


def model_source(settings: Settings) -> str:
    """A folder where one is named, else the model's name on the Hub."""
    local = settings["base_model"].get("local_path")
    return str(Path(local).expanduser()) if local else settings["base_model"]["model_id"]
