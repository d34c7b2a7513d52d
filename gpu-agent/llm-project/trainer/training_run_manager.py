"""Runs: their folders, their manifest, and which of their checkpoints are whole."""

import json
import os
import re
import shutil
import struct
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

MANIFEST_VERSION = "2.0"
MANIFEST = "run-manifest.json"
ADAPTER_FILE = "adapter_model.safetensors"


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def write_json(path: Path, value: Any) -> None:
    """There whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def new_manifest(run_id: str, run_name: str, project: str, settings: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    stages = range(1, settings["training"]["num_stages"] + 1)
    return {
        "manifest_version": MANIFEST_VERSION,
        "run_id": run_id,
        "run_name": run_name,
        "project": project,
        "created_at": now(),
        "status": "not_started",
        "base_model": settings["base_model"],
        "training_data": data,
        "stages": {
            str(stage): {
                "status": "not_started",
                "iterations": settings["training"][f"stage{stage}"]["iterations"],
                "learning_rate": settings["training"][f"stage{stage}"]["learning_rate"],
                "adapters": None,
            }
            for stage in stages
        },
        "final_model": None,
        "evaluations": [],
        "exports": [],
        "environment": None,
    }


class TrainingRunManager:
    """One run: its record in the project, and the folder where its weights go."""

    def __init__(self, run_directory: Path, output_directory: Path | None = None):
        self.run_directory = run_directory
        self.output = output_directory or run_directory
        self.manifest_path = run_directory / MANIFEST

    def manifest(self) -> dict[str, Any]:
        return json.loads(self.manifest_path.read_text(encoding="utf-8"))

    def update(self, **values: Any) -> None:
        if not self.manifest_path.is_file():
            return  # A run whose project was moved away trains on: its weights do not need the record.
        write_json(self.manifest_path, {**self.manifest(), **values})

    def update_stage(self, stage: int, **values: Any) -> None:
        if not self.manifest_path.is_file():
            return
        stages = self.manifest()["stages"]
        self.update(stages={**stages, str(stage): {**stages.get(str(stage), {}), **values}})

    def settle(self, status: str) -> None:
        """The run's end is the end of the stage that was being trained, too."""
        if self.manifest_path.is_file():
            stages = self.manifest()["stages"]
            self.update(status=status, stages={name: {**one, "status": status} if one.get("status") == "running" else one for name, one in stages.items()})

    def add(self, key: str, entry: dict[str, Any]) -> None:
        if self.manifest_path.is_file():
            self.update(**{key: [*self.manifest().get(key, []), entry]})

    def stage_directory(self, stage: int) -> Path:
        return self.output / f"stage{stage}"

    def adapters(self, stage: int) -> Path:
        return self.stage_directory(stage) / "adapters"

    def checkpoints(self, stage: int) -> Path:
        return self.stage_directory(stage) / "checkpoints"

    @property
    def final_model(self) -> Path:
        return self.output / "final-model"

    def plan(self, stages: list[dict[str, int]]) -> None:
        """Says beside the weights which steps belong to which stage: what a stage's own files count begins at 0."""
        write_json(self.output / "stages.json", {"stages": stages})

    def stage_is_done(self, stage: int, iterations: int) -> bool:
        try:
            done = json.loads((self.stage_directory(stage) / "done.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return done.get("iterations") == iterations and adapters_are_whole(self.adapters(stage))

    def finish_stage(self, stage: int, iterations: int) -> None:
        write_json(self.stage_directory(stage) / "done.json", {"iterations": iterations, "at": now()})

    def last_checkpoint(self, stage: int) -> tuple[int, Path] | None:
        """The furthest one that is whole: weights, optimizer and trainer state."""
        found = []
        folder = self.checkpoints(stage)
        for entry in folder.iterdir() if folder.is_dir() else []:
            match = re.fullmatch(r"checkpoint-(\d+)", entry.name)
            if match and adapters_are_whole(entry) and _has_state(entry):
                found.append((int(match.group(1)), entry))
        return max(found, default=None)


def _has_state(folder: Path) -> bool:
    try:
        json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # transformers' files, or MLX's one.
    return all((folder / name).is_file() for name in ("optimizer.pt", "scheduler.pt")) or is_whole_safetensors(folder / "optimizer.safetensors")


def adapters_are_whole(folder: Path) -> bool:
    return is_whole_safetensors(folder / ADAPTER_FILE)


def is_whole_safetensors(path: Path) -> bool:
    """By header and length: the header parses, and the last tensor ends where the file ends."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > size - 8:
                return False
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return False
    return bool(ends) and max(ends) == size - 8 - length


def replace_folder(temporary: Path, target: Path) -> None:
    """The folder that was written beside it takes the target's place."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)
