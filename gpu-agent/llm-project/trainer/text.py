"""Rows as token ids. Only the output is learned; the instruction is context."""

from typing import Any

IGNORED = -100


def encode(instruction: str, output: str, tokenizer: Any, max_length: int) -> dict[str, list[int]]:
    """At most `max_length` ids. Of a row that is longer the instruction keeps its end and at most half the room."""
    prompt, answer = _texts(instruction, output, tokenizer)
    before = tokenizer(prompt, add_special_tokens=_has_no_template(tokenizer))["input_ids"]
    after = tokenizer(answer, add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    if end is not None and before and before[-1] == end:
        before = before[:-1]  # Some tokenizers end every text; this one goes on.
    if end is not None and (not after or after[-1] != end):
        after = [*after, end]
    room = max(max_length - len(after), max_length // 2)
    before = before[-room:] if len(before) > room else before
    after = after[: max_length - len(before)]
    return {"input_ids": [*before, *after], "labels": [IGNORED] * len(before) + after}


def prompt_ids(instruction: str, tokenizer: Any, max_length: int) -> list[int]:
    prompt, _ = _texts(instruction, "", tokenizer)
    return tokenizer(prompt, add_special_tokens=_has_no_template(tokenizer))["input_ids"][-max_length:]


def _has_no_template(tokenizer: Any) -> bool:
    return not getattr(tokenizer, "chat_template", None)


def _texts(instruction: str, output: str, tokenizer: Any) -> tuple[str, str]:
    if _has_no_template(tokenizer):
        return f"### Instruction:\n{instruction}\n\n### Response:\n", output
    asked = [{"role": "user", "content": instruction}]
    prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": output}], tokenize=False)
    # A template that writes the answer's turn in another way than its own prompt would train a prompt that never comes.
    return (prompt, whole[len(prompt) :]) if whole.startswith(prompt) else (prompt, output)


def pad(rows: list[dict[str, list[int]]], pad_id: int) -> dict[str, list[list[int]]]:
    longest = max(len(row["input_ids"]) for row in rows)
    fill = [longest - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": [row["input_ids"] + [pad_id] * n for row, n in zip(rows, fill, strict=True)],
        "attention_mask": [[1] * len(row["input_ids"]) + [0] * n for row, n in zip(rows, fill, strict=True)],
        "labels": [row["labels"] + [IGNORED] * n for row, n in zip(rows, fill, strict=True)],
    }
