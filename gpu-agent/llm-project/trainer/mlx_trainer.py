"""LoRA with mlx-lm on Apple silicon, through its command line. Written from its documentation and not run by Trainyard's authors."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from trainer.base_trainer import BaseTrainer, StageWork
from trainer.dataset_preparator import Example
from trainer.progress import say
from trainer.settings import model_source

LINE = re.compile(r"Iter (\d+): Train loss ([^\s,]+).*?Learning Rate ([^\s,]+).*?Tokens/sec ([^\s,]+)")


class MlxTrainer(BaseTrainer):
    """It counts and saves for itself; a stop ends its process, and the stage begins anew on a resume."""

    def describe(self) -> dict[str, Any]:
        return {"trainer": "mlx-lm", "mlx_lm": version("mlx-lm"), "device": "apple silicon"}

    def train_stage(self, work: StageWork, validation: list[Example] | None, start: Path | None, checkpoint: Path | None) -> float | None:
        folder = self.job.run.stage_directory(work.stage)
        self._folder = folder / "mlx"
        data = folder / "training-data"
        # It draws rows evenly: what is to be seen more often stands there more often.
        self._write(data / "train.jsonl", [work.examples[row] for row in work.order])
        self._write(data / "valid.jsonl", validation or work.examples[:1])
        lora, training = self.settings["lora"], self.settings["training"]
        settings = {
            "model": model_source(self.settings),
            "train": True,
            "data": str(data),
            "iters": work.iterations,
            "batch_size": work.batch_size,
            "learning_rate": work.learning_rate,
            "steps_per_report": 1,
            "steps_per_eval": training.get("eval_steps", 25),
            "save_every": training.get("save_steps", 50),
            "adapter_path": str(self._folder),
            "max_seq_length": training.get("max_length", 1_024),
            "mask_prompt": True,
            "seed": work.seed,
            "lora_parameters": {"rank": lora["rank"], "scale": lora["alpha"] / lora["rank"], "dropout": lora["dropout"], "keys": [f"self_attn.{name}" for name in lora["target_modules"]]},
        }
        if start is not None:
            settings["resume_adapter_file"] = str(start / "adapters.safetensors")
        (folder / "mlx.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return self._follow([sys.executable, "-m", "mlx_lm", "lora", "--config", str(folder / "mlx.yaml")], work)

    def _follow(self, command: list[str], work: StageWork) -> float | None:
        self.made, loss = 0, None
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or []:
                match = LINE.search(line)
                if match is None:
                    say(line.rstrip())
                    continue
                step, loss, rate, speed = int(match[1]), float(match[2]), float(match[3]), float(match[4])
                while self.made < step:
                    self.made += 1
                    self.bar.step()
                self.report(work, {"loss": loss, "learning_rate": rate, "tokens_per_second": speed})
                self.requests.look(work.offset + self.made)
                if self.requests.stop:
                    process.terminate()
        if process.returncode != 0 and not self.requests.stop:
            raise RuntimeError(f"mlx-lm ended with exit code {process.returncode}.")
        return loss

    def _write(self, path: Path, examples: list[Example]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for example in examples:
                file.write(json.dumps({"prompt": example.instruction, "completion": example.output}) + "\n")

    def save_adapters(self, folder: Path) -> None:
        shutil.copytree(self._folder, folder)
