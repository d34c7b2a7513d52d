"""LoRA with MLX, for Apple silicon. Adapters are kept in peft's form: one evaluation and one export serve both trainers."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_map, tree_unflatten
from mlx_lm import load
from mlx_lm.tuner.trainer import grad_checkpoint
from mlx_lm.tuner.utils import linear_to_lora_layers
from transformers import AutoTokenizer

from trainer.base_trainer import BaseTrainer, StageWork
from trainer.dataset_preparator import Example
from trainer.progress import say
from trainer.settings import Settings, model_source
from trainer.text import IGNORED, encode, pad
from trainer.training_run_manager import ADAPTER_FILE, replace_folder, write_json

# The other trainer's own: gradients longer than this are shortened.
LONGEST_GRADIENT = 1.0


def peft_name(name: str) -> str:
    """`model.layers.0.self_attn.q_proj.lora_a`, of the shape (in, rank), is (rank, in) there; lora_b likewise."""
    place, letter = name.rsplit(".lora_", 1)
    return f"base_model.model.{place}.lora_{letter.upper()}.weight"


def mlx_name(name: str) -> str:
    place, letter = name.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".lora_", 1)
    return f"{place}.lora_{letter.lower()}"


def rate_at(work: StageWork, step: int) -> float:
    """As the other trainer has it: up in a line from 0 over the warm-up, then down in one to 0. `step` counts from 0."""
    if step < work.warmup_steps:
        return work.learning_rate * step / work.warmup_steps
    return work.learning_rate * (work.iterations - step) / max(work.iterations - work.warmup_steps, 1)


def loss_of(model: Any, ids: mx.array, labels: mx.array) -> mx.array:
    """Summed over the tokens that are to be learned. Padding stands behind a row, where nothing looks back at it."""
    logits = model(ids)[:, :-1].astype(mx.float32)
    targets = labels[:, 1:]
    counts = targets != IGNORED
    return (nn.losses.cross_entropy(logits, mx.where(counts, targets, 0)) * counts).sum()


class MlxTrainer(BaseTrainer):
    model: Any = None
    tokenizer: Any = None

    def describe(self) -> dict[str, Any]:
        return {"trainer": "mlx-lm", "mlx": version("mlx"), "mlx_lm": version("mlx-lm"), "device": str(mx.default_device())}

    def train_stage(self, work: StageWork, validation: list[Example] | None, start: Path | None, checkpoint: Path | None) -> float | None:
        training = self.settings["training"]
        mx.random.seed(work.seed)
        if self.model is None:
            self._load(training)
            if start is not None:
                self._take(start)
        # A new stage begins with a fresh optimizer, as the other trainer's does.
        optimizer = optim.AdamW(learning_rate=work.learning_rate, betas=[0.9, 0.999], weight_decay=0.0, bias_correction=True)
        self.made, loss = 0, None
        if checkpoint is not None:
            self._take(checkpoint)
            optimizer.state = tree_unflatten(list(mx.load(str(checkpoint / "optimizer.safetensors")).items()))
            self.made = int(checkpoint.name.rsplit("-", 1)[1])
        self.model.train()
        self.begin_measuring()
        while self.made < work.iterations and not self.requests.stop:
            values, tokens = self._step(work, optimizer)
            loss = values["loss"]
            last = self.made == work.iterations
            if validation and (last or self.made % training.get("eval_steps", 25) == 0):
                values["eval_loss"] = self._evaluate(validation, work.batch_size)
            self.report(work, values, tokens)
            self.requests.look(work.offset + self.made)
            if self.requests.take_save() or self.requests.stop or last or self.made % training.get("save_steps", 50) == 0:
                self._save(work, optimizer, training.get("save_total_limit", 3))
        return loss

    def _load(self, training: Settings) -> None:
        source = model_source(self.settings)
        say(f"Loading {source}")
        self.tokenizer = AutoTokenizer.from_pretrained(source)
        self.model, _ = load(source)
        self.model.freeze()
        lora = self.settings["lora"]
        wanted = set(lora["target_modules"])
        keys = [name for name, _ in self.model.layers[0].named_modules() if name.rsplit(".", 1)[-1] in wanted]
        if not keys:
            raise ValueError(f"Target modules {sorted(wanted)} not found in the base model.")
        linear_to_lora_layers(self.model, len(self.model.layers), {"rank": lora["rank"], "scale": lora["alpha"] / lora["rank"], "dropout": lora["dropout"], "keys": keys})
        if training.get("gradient_checkpointing", True):
            grad_checkpoint(self.model.layers[0])

    def _take(self, folder: Path) -> None:
        weights = [(mlx_name(name), value.T) for name, value in mx.load(str(folder / ADAPTER_FILE)).items()]
        self.model.load_weights(weights, strict=False)

    def _batch(self, examples: list[Example]) -> tuple[mx.array, mx.array, int, int]:
        """Ids, labels, how many tokens are learned, how many there are."""
        longest = self.settings["training"].get("max_length", 1_024)
        filler = next(one for one in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0) if one is not None)
        rows = [encode(example.instruction, example.output, self.tokenizer, longest) for example in examples]
        batch = pad(rows, filler)
        learned = sum(label != IGNORED for row in rows for label in row["labels"][1:])
        return mx.array(batch["input_ids"]), mx.array(batch["labels"]), learned, sum(len(row["input_ids"]) for row in rows)

    def _step(self, work: StageWork, optimizer: Any) -> tuple[dict[str, Any], int]:
        mx.random.seed(work.seed + self.made)  # A resumed run drops out what the first would have.
        size = work.batch_size * work.accumulation
        rows = work.order[self.made * size : (self.made + 1) * size]
        batches = [self._batch([work.examples[row] for row in rows[at : at + work.batch_size]]) for at in range(0, size, work.batch_size)]
        learned = max(sum(batch[2] for batch in batches), 1)
        gradient_of = nn.value_and_grad(self.model, loss_of)
        total, gradients = mx.array(0.0), None
        for ids, labels, _, _ in batches:
            part, more = gradient_of(self.model, ids, labels)
            total = total + part
            gradients = more if gradients is None else tree_map(lambda one, other: one + other, gradients, more)
            mx.eval(total, gradients)
        gradients, norm = optim.clip_grad_norm(tree_map(lambda one: one / learned, gradients), LONGEST_GRADIENT)
        rate = rate_at(work, self.made)
        optimizer.learning_rate = rate
        optimizer.update(self.model, gradients)
        mx.eval(self.model.trainable_parameters(), optimizer.state)
        self.made += 1
        self.bar.step()
        return {"loss": total.item() / learned, "grad_norm": norm.item(), "learning_rate": rate}, sum(batch[3] for batch in batches)

    def _evaluate(self, examples: list[Example], size: int) -> float:
        self.model.eval()
        lost, learned = 0.0, 0
        for at in range(0, len(examples), size):
            ids, labels, count, _ = self._batch(examples[at : at + size])
            lost, learned = lost + loss_of(self.model, ids, labels).item(), learned + count
        self.model.train()
        return lost / max(learned, 1)

    def _save(self, work: StageWork, optimizer: Any, kept: int) -> None:
        say(f"Saving at step {work.offset + self.made}")
        self.carbon.look()
        folder = self.job.run.checkpoints(work.stage)
        temporary = folder / ".new"
        shutil.rmtree(temporary, ignore_errors=True)
        self.save_adapters(temporary)
        mx.save_safetensors(str(temporary / "optimizer.safetensors"), dict(tree_flatten(optimizer.state)))
        write_json(temporary / "trainer_state.json", {"global_step": self.made})
        replace_folder(temporary, folder / f"checkpoint-{self.made}")
        say(f"Saved checkpoint to {folder / f'checkpoint-{self.made}'}")
        old = sorted(folder.glob("checkpoint-*"), key=lambda one: int(one.name.rsplit("-", 1)[1]))[:-kept]
        for one in old:
            shutil.rmtree(one)

    def save_adapters(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        lora = self.settings["lora"]
        weights = {peft_name(name): mx.contiguous(value.T.astype(mx.float32)) for name, value in tree_flatten(self.model.trainable_parameters())}
        mx.save_safetensors(str(folder / ADAPTER_FILE), weights, metadata={"format": "pt"})
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": model_source(self.settings),
            "r": lora["rank"],
            "lora_alpha": lora["alpha"],
            "lora_dropout": lora["dropout"],
            "target_modules": list(lora["target_modules"]),
            "bias": "none",
            "inference_mode": True,
        }
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        self.tokenizer.save_pretrained(str(folder))
