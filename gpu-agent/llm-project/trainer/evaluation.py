"""How well adapters predict held-out rows: perplexity, token accuracy, and what is asked for by name."""

import math
from typing import Any

import torch

from trainer.dataset_preparator import Example
from trainer.progress import ProgressBar, Requests
from trainer.text import IGNORED, encode, pad, prompt_ids

GENERATED_METRICS = ("bleu", "exact_match")
ALWAYS = ("perplexity", "accuracy")


class Stopped(Exception):
    pass


def evaluate(model: Any, tokenizer: Any, examples: list[Example], settings: dict[str, Any], name: str) -> dict[str, Any]:
    """
    `accuracy`: the share of the outputs' tokens that the model would have chosen itself; `perplexity`: e to the mean of their
    negative log likelihood. Rows for generated text are the first `max_generated`.
    """
    wanted = settings.get("evaluation") or {}
    longest = settings["training"].get("max_length", 1_024)
    size = settings["training"]["stage1"]["batch_size"]
    asked = [metric for metric in wanted.get("metrics", []) if metric not in ALWAYS]
    texts = examples[: wanted.get("max_generated", 50)] if any(metric in GENERATED_METRICS for metric in asked) else []
    batches = [examples[at : at + size] for at in range(0, len(examples), size)]
    bar, requests = ProgressBar(name, len(batches) + len(texts)), Requests()
    requests.status("running")
    model.eval()
    lost, right, tokens = 0.0, 0, 0
    for number, batch in enumerate(batches, 1):
        rows = [encode(one.instruction, one.output, tokenizer, longest) for one in batch]
        loss, hits, count = _score(model, pad(rows, tokenizer.pad_token_id))
        lost, right, tokens = lost + loss, right + hits, tokens + count
        _next(bar, requests, number)
    written = []
    for number, example in enumerate(texts, len(batches) + 1):
        written.append(_generate(model, tokenizer, example, longest, wanted.get("max_new_tokens", 128)))
        _next(bar, requests, number)
    bar.close()
    if tokens == 0:
        raise ValueError("The test dataset has no token to predict.")
    custom, notes = _custom(asked, written, texts)
    mean = lost / tokens
    return {
        "accuracy": right / tokens,
        "perplexity": math.exp(mean) if mean < 700 else None,
        "loss": mean,
        "tokens": tokens,
        "rows": len(examples),
        "custom_metrics": custom,
        "notes": notes,
    }


def _next(bar: ProgressBar, requests: Requests, number: int) -> None:
    bar.step()
    requests.look(number)
    if requests.stop:
        raise Stopped


@torch.no_grad()
def _score(model: Any, batch: dict[str, Any]) -> tuple[float, int, int]:
    inputs = {key: torch.tensor(value, device=model.device) for key, value in batch.items()}
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1].float()
    labels = inputs["labels"][:, 1:]
    mask = labels != IGNORED
    likely = torch.log_softmax(logits, dim=-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    hits = (logits.argmax(-1) == labels) & mask
    return float(-(likely * mask).sum()), int(hits.sum()), int(mask.sum())


@torch.no_grad()
def _generate(model: Any, tokenizer: Any, example: Example, longest: int, most: int) -> str:
    ids = torch.tensor([prompt_ids(example.instruction, tokenizer, longest)], device=model.device)
    made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    return tokenizer.decode(made[0][ids.shape[1] :], skip_special_tokens=True).strip()


def _custom(asked: list[str], written: list[str], examples: list[Example]) -> tuple[dict[str, float | None], dict[str, str]]:
    values: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    wanted = [example.output.strip() for example in examples]
    for metric in asked:
        values[metric] = None
        if metric == "exact_match":
            values[metric] = sum(a == b for a, b in zip(written, wanted, strict=True)) / max(len(wanted), 1)
        elif metric == "bleu":
            try:
                import sacrebleu

                values[metric] = sacrebleu.corpus_bleu(written, [wanted]).score
            except ImportError:
                notes[metric] = "sacrebleu is not installed"
        else:
            notes[metric] = "not known; there are perplexity, accuracy, bleu and exact_match"
    return values, notes
