"""A trained run in the form that something else loads."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from trainer.models import NotSupported, load_adapted, load_tokenizer
from trainer.progress import ProgressBar, Requests, say
from trainer.settings import Settings, model_source

FORMATS = ("safetensors", "huggingface", "gguf", "mlx")
STEPS = 4
MIB = 1024 * 1024


class Stopped(Exception):
    pass


def gguf_converter() -> Path | None:
    """llama.cpp's own script: in LLAMA_CPP_PATH, or on the path."""
    named = os.environ.get("LLAMA_CPP_PATH", "")
    if named:
        script = Path(named).expanduser() / "convert_hf_to_gguf.py"
        return script if script.is_file() else None
    found = shutil.which("convert_hf_to_gguf.py")
    return Path(found) if found else None


def export(settings: Settings, adapters: Path, target: Path, options: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Writes `target` whole or not at all; returns its files. Throws NotSupported for what is missing on this machine."""
    format = options["format"]
    merges = options.get("merge_adapters", True)
    if format in ("gguf", "mlx") and not merges:
        raise NotSupported(f"{format} holds a whole model: leave merge_adapters on.")
    converter = gguf_converter() if format == "gguf" else None
    if format == "gguf" and converter is None:
        raise NotSupported("gguf needs llama.cpp: set LLAMA_CPP_PATH to its folder.")
    if format == "mlx" and importlib.util.find_spec("mlx_lm") is None:
        raise NotSupported("mlx needs mlx-lm, on Apple silicon.")
    bar, requests = ProgressBar(name, STEPS), Requests()
    requests.status("running")

    def next_step(number: int) -> None:
        bar.step()
        requests.look(number)
        if requests.stop:
            raise Stopped

    work = target.with_name(f".{target.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(f"{work}.hf", ignore_errors=True)
    work.mkdir(parents=True)
    whole = work if format in ("safetensors", "huggingface") else Path(f"{work}.hf")
    if merges:
        model = load_adapted(settings, adapters, quantized=False)
        next_step(1)
        say("Merging the adapters into the base model")
        merged = model.merge_and_unload()
        next_step(2)
        merged.save_pretrained(str(whole), max_shard_size="100GB" if format == "safetensors" else "5GB")
        load_tokenizer(settings).save_pretrained(str(whole))
    else:
        next_step(1)
        next_step(2)
        shutil.copytree(adapters, whole, dirs_exist_ok=True)
    next_step(3)
    if format == "gguf":
        _run([sys.executable, str(converter), str(whole), "--outfile", str(work / "model.gguf")])
        with (work / "model.gguf").open("rb") as file:
            if file.read(4) != b"GGUF":
                raise RuntimeError("llama.cpp's converter left no GGUF file.")
    elif format == "mlx":
        shutil.rmtree(work)  # It makes the folder itself and refuses one that is there.
        _run([sys.executable, "-m", "mlx_lm", "convert", "--hf-path", str(whole), "--mlx-path", str(work)])
    elif format == "huggingface":
        (work / "README.md").write_text(model_card(settings, merges), encoding="utf-8")
    if whole != work:
        shutil.rmtree(whole, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)
    next_step(4)
    bar.close()
    return [{"name": str(path.relative_to(target)), "bytes": path.stat().st_size} for path in sorted(target.rglob("*")) if path.is_file()]


def _run(command: list[str]) -> None:
    # Its output is the log's; a failure of it is this script's.
    subprocess.run(command, check=True)


def model_card(settings: Settings, merged: bool) -> str:
    base = settings["base_model"]["model_id"] or model_source(settings)
    library = "transformers" if merged else "peft"
    return f"---\nbase_model: {base}\nlibrary_name: {library}\npipeline_tag: text-generation\ntags:\n  - lora\n---\n\n# {settings['project']['name']}\n\n{base}, fine-tuned with LoRA (rank {settings['lora']['rank']}, alpha {settings['lora']['alpha']}).\n"


def usage_of(format: str, path: str, merged: bool, base: str) -> str:
    if format == "gguf":
        return f"llama-cli -m {path}/model.gguf -p 'Hello'"
    if format == "mlx":
        return f"mlx_lm.generate --model {path} --prompt 'Hello'"
    if merged:
        return f"AutoModelForCausalLM.from_pretrained('{path}')"
    return f"PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained('{base}'), '{path}')"


def upload(folder: Path, repository: str, private: bool) -> str:
    """To the Hugging Face Hub, with the token in HF_TOKEN. Returns the address."""
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    say(f"Uploading to {repository}")
    api.upload_folder(folder_path=str(folder), repo_id=repository)
    return f"https://huggingface.co/{repository}"
