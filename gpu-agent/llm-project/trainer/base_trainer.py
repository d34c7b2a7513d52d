"""The course of a run, whatever trains it: stage after stage, from where it stood, to a final model."""

import os
import platform
import shutil
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from trainer.carbon import Carbon
from trainer.dataset_preparator import Example, Fields, load_examples, quality_weights, stage_order
from trainer.job import Job
from trainer.progress import ProgressBar, Requests, metric_line, said_stopped, say
from trainer.training_run_manager import adapters_are_whole, now, replace_folder


class StageWork:
    """One stage as it is to be trained: what, in which order, from which step of the whole run on."""

    def __init__(self, job: Job, stage: int, examples: list[Example], offset: int):
        training = job.settings["training"]
        values = job.stage_settings(stage)
        self.stage = stage
        self.offset = offset
        self.iterations: int = values["iterations"]
        self.batch_size: int = values["batch_size"]
        self.learning_rate: float = values["learning_rate"]
        self.warmup_steps: int = min(values.get("warmup_steps", 0), self.iterations // 2)
        self.accumulation: int = training.get("gradient_accumulation_steps", 1)
        self.seed: int = training.get("seed", 42)
        self.examples = examples
        self.weighted = self._is_weighted(job)
        weights = None
        if self.weighted:
            multiplier = training.get("quality_weight_multiplier", 1.0)
            weights = quality_weights(examples, multiplier, training.get("quality_threshold", 0.7))
        count = self.iterations * self.batch_size * self.accumulation
        self.order = stage_order(len(examples), count, self.seed + stage, weights, values.get("replay_ratio", 0.0))

    def _is_weighted(self, job: Job) -> bool:
        """The first of two stages takes all rows alike; the last is drawn by quality, where rows have one."""
        last = self.stage == job.settings["training"]["num_stages"]
        wanted = job.settings.get("features", {}).get("enable_quality_weighting", True)
        return bool(last and wanted and job.settings["dataset"].get("quality_field"))


class BaseTrainer(ABC):
    """Throws nothing of its own for a stop: `run` returns False."""

    def __init__(self, job: Job):
        self.job = job
        self.settings = job.settings
        self.requests = Requests()
        self.carbon = Carbon(job.settings, job.run.output)
        self.bar: ProgressBar | None = None
        self._last_at = time.monotonic()

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The libraries' versions and the device, for the manifest."""

    @abstractmethod
    def train_stage(self, work: StageWork, validation: list[Example] | None, start: Path | None, checkpoint: Path | None) -> float | None:
        """Trains to the stage's end or until a stop; returns the last loss. `start`: adapters of the stage before."""

    @abstractmethod
    def save_adapters(self, folder: Path) -> None:
        """Adapters and whatever is needed to load them, into an empty folder."""

    def run(self) -> bool:
        """True when the last step was made and the final model is there."""
        job = self.job
        stages = job.stages()
        steps = {stage: job.stage_settings(stage)["iterations"] for stage in stages}
        offsets = {stage: sum(steps[one] for one in stages if one < stage) for stage in stages}
        job.run.output.mkdir(parents=True, exist_ok=True)
        job.run.plan([{"stage": stage, "offset": offsets[stage], "iterations": steps[stage]} for stage in stages])
        begin, checkpoint = self._where_to_begin(stages, steps)
        done = sum(steps[stage] for stage in stages if stage < begin) + (checkpoint[0] if checkpoint else 0)
        if done > 0:
            place = checkpoint[1].name if checkpoint else f"stage{begin - 1}/adapters"
            say(f"Resuming from {place} at step {done}")
        fields = Fields.of(self.settings["dataset"])
        format = self.settings["dataset"]["format"]
        examples = load_examples(Path(job.data["train"] or ""), format, fields)
        held_out = job.data.get("validation")
        evaluates = self.settings.get("features", {}).get("enable_evaluation", True)
        validation = load_examples(Path(held_out), format, fields) if held_out and evaluates else None
        say(f"Dataset: {len(examples)} rows to train on, {len(validation or [])} held out")
        if self.carbon.reason is not None:
            say(f"Carbon emissions are not measured: {self.carbon.reason}.")
        job.run.update(status="running", environment={"python": sys.version.split()[0], "platform": platform.platform(), **self.describe()})
        self.bar = ProgressBar(job.name, sum(steps.values()), done)
        self.requests.status("running")
        try:
            for stage in (one for one in stages if one >= begin):
                if not self._stage(StageWork(job, stage, examples, offsets[stage]), validation, checkpoint):
                    job.run.update(status="stopped")
                    self.bar.close()
                    said_stopped()
                    return False
                checkpoint = None
        finally:
            kilograms = self.carbon.stop()
            job.run.update(carbon_emissions_kg=kilograms, carbon_note=self.carbon.reason)
            self.requests.status("completed")
        self.bar.close()
        self._finish(stages[-1])
        return True

    def _where_to_begin(self, stages: list[int], steps: dict[int, int]) -> tuple[int, tuple[int, Path] | None]:
        for stage in stages:
            if self.job.run.stage_is_done(stage, steps[stage]) and stage != stages[-1]:
                continue
            checkpoint = self.job.run.last_checkpoint(stage)
            if checkpoint is not None and checkpoint[0] > steps[stage]:
                checkpoint = None
            return stage, checkpoint
        raise AssertionError("the last stage is always begun")

    def _stage(self, work: StageWork, validation: list[Example] | None, checkpoint: tuple[int, Path] | None) -> bool:
        run, stage = self.job.run, work.stage
        start = None
        if stage > 1:
            here = run.adapters(stage - 1)
            start = here if adapters_are_whole(here) else self.job.stage1_adapters
            if start is None or not adapters_are_whole(start):
                raise FileNotFoundError(f"Stage {stage} goes on from stage {stage - 1}, which is not trained yet.")
        say(f"Stage {stage}: {work.iterations} steps at a learning rate of {work.learning_rate}, rows drawn {'by quality' if work.weighted else 'evenly'}")
        run.update_stage(stage, status="running", started_at=now())
        loss = self.train_stage(work, validation, start, checkpoint[1] if checkpoint else None)
        if self.requests.stop and self.made < work.iterations:
            run.update_stage(stage, status="stopped")
            return False
        temporary = run.stage_directory(stage) / ".adapters.new"
        shutil.rmtree(temporary, ignore_errors=True)
        self.save_adapters(temporary)
        replace_folder(temporary, run.adapters(stage))
        run.finish_stage(stage, work.iterations)
        run.update_stage(stage, status="completed", completed_at=now(), final_loss=loss, adapters=str(run.adapters(stage)))
        return True

    made = 0
    """Steps of the stage that is being trained."""

    def _finish(self, stage: int) -> None:
        run = self.job.run
        temporary = run.output / ".final-model.new"
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(run.adapters(stage), temporary)
        os.utime(temporary)  # It would keep the time of what it was copied from.
        replace_folder(temporary, run.final_model)
        run.update(status="completed", completed_at=now(), final_model=str(run.final_model))
        say(f"Saved checkpoint to {run.final_model}")

    def begin_measuring(self) -> None:
        self._last_at = time.monotonic()

    def report(self, work: StageWork, values: dict[str, Any], tokens: int | None = None) -> None:
        """One line a step. The step is the count of the whole run, not of the stage."""
        at = time.monotonic()
        if tokens:
            values["tokens_per_second"] = round(tokens / max(at - self._last_at, 1e-9), 1)
        self._last_at = at
        say(metric_line({**values, "emissions_kg": self.carbon.kilograms, "step": work.offset + self.made}))
