"""Loading: tokenizer, base model (quantized where CUDA allows it), adapters."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer.progress import say
from trainer.settings import Settings, model_source


class NotSupported(RuntimeError):
    """What this machine cannot do, said before anything is loaded."""


def load_tokenizer(settings: Settings) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(model_source(settings))
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise NotSupported("The base model's tokenizer has neither a padding nor an end token.")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def quantization_of(settings: Settings) -> Any:
    """None, or what transformers wants. Throws NotSupported where it cannot run."""
    wanted = settings["base_model"].get("quantization", "none")
    if wanted == "none":
        return None
    if not torch.cuda.is_available():
        raise NotSupported(f"{wanted} needs CUDA, which this machine does not have: set base_model.quantization to none.")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise NotSupported(f"{wanted} needs bitsandbytes: pip install bitsandbytes") from error
    from transformers import BitsAndBytesConfig

    if wanted == "q8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_type(),
    )


def compute_type() -> torch.dtype:
    """bfloat16 on cards that have it; a CPU is exact and no faster with less."""
    return torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32


def load_base(settings: Settings, quantized: bool = True) -> Any:
    source = model_source(settings)
    quantization = quantization_of(settings) if quantized else None
    say(f"Loading {source}")
    options: dict[str, Any] = {"dtype": compute_type() if quantized else "auto"}
    if quantization is not None:
        options |= {"quantization_config": quantization, "device_map": {"": 0}}
    model = AutoModelForCausalLM.from_pretrained(source, **options)
    if quantized and quantization is None and torch.cuda.is_available():
        model = model.to("cuda")
    return model


def load_adapted(settings: Settings, adapters: Path, quantized: bool = True, trainable: bool = False) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(load_base(settings, quantized), str(adapters), is_trainable=trainable)
