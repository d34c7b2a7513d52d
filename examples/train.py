#!/usr/bin/env python3
"""Uploads a folder of pictures, trains a LoRA on it, watches, downloads the model and verifies it. Only Python's standard library.

    TRAINYARD_URL=http://127.0.0.1:8787 TRAINYARD_TOKEN=ty_... python3 examples/train.py pictures/ --name dog --trigger sks

Each picture may have a caption beside it: dog1.jpg and dog1.txt. The address (without /mcp) and the token are what
`npm start` prints.
"""

import argparse
import hashlib
import json
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("TRAINYARD_URL", "http://127.0.0.1:8787")
TOKEN = os.environ.get("TRAINYARD_TOKEN", "")
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".txt"}
ENDED = {"completed", "stopped", "failed", "interrupted"}


def call(tool: str, **arguments):
    """One tool over HTTP."""
    request = urllib.request.Request(
        f"{URL}/mcp/tool",
        json.dumps({"name": tool, "arguments": arguments}).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with send(tool, request) as answer:
        return json.load(answer)["data"]


def send(what: str, request: urllib.request.Request):
    """A refusal has a code, what happened, and what to do."""
    try:
        return urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        told = json.load(error)["error"]
        sys.exit(f"{what}: {told['code']}: {told['message']} {told['hint'] or ''}")
    except urllib.error.URLError as error:
        sys.exit(f"{URL} does not answer ({error.reason}). Start Trainyard, or set TRAINYARD_URL to what it prints.")


def upload(folder: pathlib.Path, dataset: str) -> None:
    if not folder.is_dir():
        sys.exit(f"There is no folder {folder}.")
    link = call("create-upload-link", dataset_name=dataset)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    for path in files:
        target = f"{link['upload_url']}/{urllib.parse.quote(path.name)}"
        put = urllib.request.Request(target, path.read_bytes(), method="PUT")
        with send(path.name, put):
            print(f"uploaded {path.name}")


def watch(job_id: str) -> str:
    """Waits with the job, a window at a time, until it has ended; its state then."""
    seen = {"job_id": job_id, "duration_seconds": 60, "poll_interval_seconds": 2}
    while True:
        window = call("watch-training-timeseries", **seen)
        for point in window["points"][-1:]:
            print(f"step {point['current_step']}, loss {point['loss_last']}")
        if window["final_status"] in ENDED:
            return window["final_status"]
        # Null when the window is over and the job is not: the next call begins another.
        seen["cursor"] = window["cursor"]
        if window["cursor"] is None:
            del seen["cursor"]


def download(job_id: str, output: pathlib.Path) -> None:
    link = call("create-download-link", job_id=job_id)
    digest = hashlib.sha256()
    with urllib.request.urlopen(link["download_url"]) as source, output.open("wb") as target:
        while part := source.read(1 << 20):
            digest.update(part)
            target.write(part)
    if digest.hexdigest() != link["sha256"]:
        sys.exit("The model is not what the box has; download it again.")
    print(f"{output}: {output.stat().st_size} bytes, verified, sha256 {link['sha256']}")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("pictures", type=pathlib.Path)
    arguments.add_argument("--name", default="first", help="of the dataset, the config and the model")
    arguments.add_argument("--model", default="tiny", help="a base model; tiny needs no GPU")
    arguments.add_argument("--trigger", default=None, help="trigger word")
    arguments.add_argument("--steps", type=int, default=100)
    arguments.add_argument("--output", type=pathlib.Path, default=None)
    wish = arguments.parse_args()

    upload(wish.pictures, wish.name)
    config = {
        "name": wish.name,
        "model_name": wish.model,
        "dataset_path": wish.name,
        "steps": wish.steps,
        "overwrite": True,
        **({} if wish.trigger is None else {"trigger_word": wish.trigger}),
    }
    call("create-training-config", **config)
    checked = call("validate-training-config", config_name=wish.name)
    for finding in checked["errors"]:
        print(f"error: {finding['message']}")
    for finding in checked["warnings"]:
        print(f"warning: {finding['message']}")
    if not checked["valid"]:
        sys.exit("The config has errors; nothing was started.")
    run = call("run-training-with-guardrails", config_name=wish.name, monitor_seconds=0)
    print(f"job {run['job_id']}")
    if watch(run["job_id"]) != "completed":
        status = call("get-training-status", job_id=run["job_id"])
        failure = status.get("failure") or {}
        sys.exit(f"The job is {status['status']}. {failure.get('message', '')} {failure.get('fix', '')}")
    download(run["job_id"], wish.output or pathlib.Path(f"{wish.name}.safetensors"))


if __name__ == "__main__":
    main()
