"""LoRA with transformers and peft, on CUDA or the CPU."""

import os
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from torch.utils.data import Dataset, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from trainer.base_trainer import BaseTrainer, StageWork
from trainer.dataset_preparator import Example
from trainer.models import compute_type, load_adapted, load_base, load_tokenizer
from trainer.progress import say
from trainer.text import encode, pad


class Encoded(Dataset):
    """Rows in the order in which they are trained; each is encoded when it is needed."""

    def __init__(self, examples: list[Example], order: list[int], tokenizer: Any, max_length: int):
        self.examples, self.order = examples, order
        self.tokenizer, self.max_length = tokenizer, max_length

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> dict[str, list[int]]:
        example = self.examples[self.order[place]]
        return encode(example.instruction, example.output, self.tokenizer, self.max_length)


class StageTrainer(Trainer):
    """Takes the rows in the order that was decided, and counts what it is fed."""

    tokens = 0

    def _get_train_sampler(self, *_: Any) -> Any:
        return SequentialSampler(self.train_dataset)

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **options: Any) -> Any:
        self.tokens += int(inputs["attention_mask"].sum())
        return super().training_step(model, inputs, *rest, **options)


class Course(TrainerCallback):
    """Between Hugging Face's loop and ours: bar, lines, saves and stops."""

    def __init__(self, owner: "TransformersTrainer", work: StageWork):
        self.owner, self.work = owner, work
        self.held: dict[str, Any] | None = None
        self.trainer: StageTrainer | None = None
        self.last_loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.owner.begin_measuring()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        owner, requests = self.owner, self.owner.requests
        owner.made = state.global_step
        owner.bar.step()
        requests.look(self.work.offset + owner.made)
        if requests.take_save():
            control.should_save = True
        if requests.stop:
            control.should_save = True
            control.should_training_stop = True
        if control.should_save:
            say(f"Saving at step {self.work.offset + owner.made}")
            owner.carbon.look()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        if "loss" in logs:
            self.last_loss = logs["loss"]
            kept = ("loss", "grad_norm", "learning_rate", "epoch")
            self.held = {key: float(logs[key]) for key in kept if key in logs}
            # The evaluation of the same step comes next, and belongs in its line.
            if not control.should_evaluate:
                self.flush()
        elif "eval_loss" in logs:
            self.held = {**(self.held or {}), "eval_loss": float(logs["eval_loss"])}
            self.flush()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        say(f"Saved checkpoint to {Path(args.output_dir) / f'checkpoint-{state.global_step}'}")

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.flush()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.flush()

    def flush(self) -> None:
        if self.held is None:
            return
        values, self.held = self.held, None
        tokens = self.trainer.tokens if self.trainer else 0
        if self.trainer:
            self.trainer.tokens = 0
        self.owner.report(self.work, values, tokens)


class TransformersTrainer(BaseTrainer):
    model: Any = None

    def describe(self) -> dict[str, Any]:
        return {
            "trainer": "transformers",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
            "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu",
        }

    def train_stage(self, work: StageWork, validation: list[Example] | None, start: Path | None, checkpoint: Path | None) -> float | None:
        torch.manual_seed(work.seed)
        self.made = 0
        self.tokenizer = load_tokenizer(self.settings)
        if self.model is None:
            self.model = self._adapted(start)
        training = self.settings["training"]
        longest = training.get("max_length", 1_024)
        course = Course(self, work)
        trainer = StageTrainer(
            model=self.model,
            args=self._arguments(work, validation is not None),
            train_dataset=Encoded(work.examples, work.order, self.tokenizer, longest),
            eval_dataset=Encoded(validation, list(range(len(validation))), self.tokenizer, longest) if validation else None,
            data_collator=lambda rows: {key: torch.tensor(value) for key, value in pad(rows, self.tokenizer.pad_token_id).items()},
            callbacks=[course],
        )
        trainer.remove_callback(PrinterCallback)
        course.trainer = trainer
        if checkpoint is not None:
            self.made = int(checkpoint.name.rsplit("-", 1)[1])
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        return course.last_loss

    def _adapted(self, start: Path | None) -> Any:
        if start is not None:
            return load_adapted(self.settings, start, trainable=True)
        lora = self.settings["lora"]
        model = load_base(self.settings)
        if self.settings["base_model"].get("quantization", "none") != "none":
            model = peft.prepare_model_for_kbit_training(model)
        return peft.get_peft_model(
            model,
            peft.LoraConfig(
                r=lora["rank"],
                lora_alpha=lora["alpha"],
                lora_dropout=lora["dropout"],
                target_modules=list(lora["target_modules"]),
                task_type="CAUSAL_LM",
            ),
        )

    def _arguments(self, work: StageWork, evaluates: bool) -> TrainingArguments:
        training = self.settings["training"]
        checkpointing = training.get("gradient_checkpointing", True) and torch.cuda.is_available()
        if checkpointing:
            self.model.enable_input_require_grads()
        return TrainingArguments(
            output_dir=str(self.job.run.checkpoints(work.stage)),
            max_steps=work.iterations,
            per_device_train_batch_size=work.batch_size,
            per_device_eval_batch_size=work.batch_size,
            gradient_accumulation_steps=work.accumulation,
            learning_rate=work.learning_rate,
            warmup_steps=work.warmup_steps,
            logging_steps=training.get("logging_steps", 1),
            # A loss that is not a number is said, not smoothed away.
            logging_nan_inf_filter=False,
            save_strategy="steps",
            save_steps=training.get("save_steps", 50),
            save_total_limit=training.get("save_total_limit", 3),
            eval_strategy="steps" if evaluates else "no",
            eval_steps=training.get("eval_steps", 25),
            prediction_loss_only=True,
            bf16=compute_type() == torch.bfloat16,
            gradient_checkpointing=checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False} if checkpointing else None,
            seed=work.seed,
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            report_to=self._reports_to(),
            run_name=self.job.run_id,
        )

    def _reports_to(self) -> list[str]:
        """Named by the project's owner in the configuration; the libraries are transformers' own integrations."""
        wanted = []
        mlflow, wandb = self.settings.get("mlflow") or {}, self.settings.get("wandb") or {}
        if mlflow.get("enabled"):
            os.environ.setdefault("MLFLOW_TRACKING_URI", mlflow["tracking_uri"])
            os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", mlflow.get("experiment_name") or self.settings["project"]["name"])
            wanted.append("mlflow")
        if wandb.get("enabled"):
            os.environ.setdefault("WANDB_PROJECT", wandb["project"])
            wanted.append("wandb")
        return wanted

    def save_adapters(self, folder: Path) -> None:
        self.model.save_pretrained(str(folder))
        self.tokenizer.save_pretrained(str(folder))
