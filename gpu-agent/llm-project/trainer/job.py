"""What is to be done: read from a job file, which Trainyard writes, or put together from a project's own files."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.settings import Settings, check, read_settings
from trainer.training_run_manager import TrainingRunManager

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Job:
    run_id: str
    name: str
    """Shown on the bar."""
    settings: Settings
    run: TrainingRunManager
    data: dict[str, str | None]
    stage: int | None = None
    """None: all that are configured."""
    stage1_adapters: Path | None = None
    adapters: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Of an evaluation or an export."""

    def stages(self) -> list[int]:
        configured = list(range(1, self.settings["training"]["num_stages"] + 1))
        if self.stage is None:
            return configured
        if self.stage not in configured:
            raise ValueError(f"This run has no stage {self.stage}.")
        return [self.stage]

    def stage_settings(self, stage: int) -> dict[str, Any]:
        return self.settings["training"][f"stage{stage}"]


def job_from_file(path: Path) -> Job:
    given = json.loads(path.read_text(encoding="utf-8"))
    check(given["config"])
    run_directory = PROJECT / "runs" / given["run_id"]
    return Job(
        given["run_id"],
        given["name"],
        given["config"],
        TrainingRunManager(run_directory, Path(given["output_dir"])),
        given["data"],
        given.get("stage"),
        _path(given.get("stage1_adapters")),
        _path(given.get("adapters")),
        given.get("options") or {},
    )


def job_of_run(run_id: str, stage: int | None, options: dict[str, Any] | None = None) -> Job:
    """A run of this project, done in its own folder. With options: of its wanted, or else its last trained, stage."""
    directory = PROJECT / "runs" / run_id
    kept = directory / "run-config.json"
    if not kept.is_file():
        raise FileNotFoundError(f"There is no run {run_id}: make one with scripts/configure_run.py.")
    run = TrainingRunManager(directory)
    given = json.loads(kept.read_text(encoding="utf-8"))
    check(given["config"])
    stages = run.manifest()["stages"]
    first = (stages.get("1") or {}).get("adapters")
    wanted = stage or max((int(number) for number, one in stages.items() if one.get("adapters")), default=None)
    chosen = (stages.get(str(wanted)) or {}).get("adapters")
    return Job(run_id, run_id, given["config"], run, given["data"], stage if options is None else wanted, _path(first), _path(chosen), options or {})


def project_settings(config: str | None) -> Settings:
    return read_settings(PROJECT / (config or "config/fine_tuning_config.yaml"))


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
