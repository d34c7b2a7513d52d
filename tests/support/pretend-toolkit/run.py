"""AI Toolkit as the box sees it, without the training: the command line, the lines, the database and the files, made up from the config."""

import json
import math
import os
import sqlite3
import struct
import sys
import time


def write_model(path, step):
    header = json.dumps(
        {
            "__metadata__": {"training_info": json.dumps({"step": step, "epoch": 1})},
            "lora.down": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        }
    ).encode()
    partial = path + ".partial"
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + struct.pack("<4f", 1, 2, 3, 4))
    os.replace(partial, path)


def open_metrics(folder):
    database = sqlite3.connect(os.path.join(folder, "loss_log.db"))
    database.executescript(
        """
        PRAGMA journal_mode=WAL;
        CREATE TABLE IF NOT EXISTS steps (step INTEGER PRIMARY KEY, wall_time REAL NOT NULL);
        CREATE TABLE IF NOT EXISTS metric_keys (key TEXT PRIMARY KEY, first_seen_step INTEGER, last_seen_step INTEGER);
        CREATE TABLE IF NOT EXISTS metrics (step INTEGER NOT NULL, key TEXT NOT NULL, value_real REAL, value_text TEXT, PRIMARY KEY (step, key));
        """
    )
    return database


def train(name, process):
    steps = process["train"]["steps"]
    folder = os.path.join(process["training_folder"], name)
    os.makedirs(folder, exist_ok=True)
    database = open_metrics(folder)
    shown = max(1, steps // 50)
    print(f"Running  process\nLoaded checkpoint\nTotal training paramiters: 4", flush=True)
    for step in range(1, steps + 1):
        loss = 0.1 + 0.3 * math.exp(-3 * step / steps) + 0.01 * math.sin(step * 1.7)
        database.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (step - 1, time.time()))
        database.execute(
            "INSERT OR REPLACE INTO metrics VALUES (?, 'loss/loss', ?, NULL)", (step - 1, loss)
        )
        if step % shown == 0:
            bar = "#" * (10 * step // steps)
            print(
                f"\r{name}: {100 * step // steps:3d}%|{bar:<10}| {step}/{steps} "
                f"[00:{step // shown:02d}<00:00, 1.00it/s, lr: 1.0e-04 loss: {loss:.3e}]",
                end="",
                file=sys.stderr,
                flush=True,
            )
    database.execute("INSERT OR REPLACE INTO metric_keys VALUES ('loss/loss', 0, ?)", (steps - 1,))
    database.commit()
    write_model(os.path.join(folder, f"{name}_{steps // 2:09d}.safetensors"), steps // 2)
    write_model(os.path.join(folder, f"{name}.safetensors"), steps)
    print(f"\nSaved checkpoint to {folder}/{name}.safetensors", flush=True)


with open(sys.argv[1], encoding="utf-8") as file:
    config = json.load(file)["config"]
for one in config["process"]:
    train(config["name"], one)
print("========================================\nResult:\n - 1 completed job\n========================================")
