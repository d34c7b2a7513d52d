"""What a run prints while it works, and how it hears that it should save or stop. Trainyard reads these lines; so can you."""

import os
import signal
import sqlite3
import sys
from typing import Any

RULE = "=" * 40


def say(line: str) -> None:
    print(line, flush=True)


def metric_line(values: dict[str, Any]) -> str:
    """The form of Hugging Face's Trainer, with the step in it: `{'loss': 2.31, 'learning_rate': 2e-05, 'step': 12}`."""
    return "{" + ", ".join(f"'{key}': {_shown(value)}" for key, value in values.items() if value is not None) + "}"


def _shown(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)


def said_stopped() -> None:
    say(RULE)
    say("Job stopped")


class ProgressBar:
    """One bar over all stages, on stderr; `done` steps were made before."""

    def __init__(self, name: str, total: int, done: int = 0):
        from tqdm import tqdm

        self._bar = tqdm(total=total, initial=done, desc=name, file=sys.stderr, dynamic_ncols=False)

    def step(self) -> None:
        self._bar.update(1)

    def close(self) -> None:
        self._bar.close()


class Requests:
    """
    Save and stop, asked for by a signal or by Trainyard's job table (a SQLite file, named in TRAINYARD_JOB_TABLE). Looked at behind
    each step, where nothing is half done.
    """

    def __init__(self, table: str | None = None):
        self.stop = False
        self.save = False
        self._table = None
        path = table if table is not None else os.environ.get("TRAINYARD_JOB_TABLE", "")
        if path and os.path.exists(path):
            self._table = sqlite3.connect(path, timeout=2, isolation_level=None)
        for name in ("SIGINT", "SIGTERM"):
            signal.signal(getattr(signal, name), self._signalled)

    def _signalled(self, number: int, _frame: Any) -> None:
        if self.stop:
            raise KeyboardInterrupt  # The second one does not wait for the step.
        self.stop = True

    def status(self, status: str) -> None:
        self._run("UPDATE Job SET status = ?", status)

    def look(self, step: int) -> None:
        row = self._run("SELECT stop, save_now FROM Job")
        if row is None:
            return
        stop, save = row
        if save:
            self._run("UPDATE Job SET save_now = 0")
            self.save = True
        self._run("UPDATE Job SET step = ?", step)
        self.stop = self.stop or bool(stop)

    def take_save(self) -> bool:
        wanted, self.save = self.save, False
        return wanted

    def _run(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        if self._table is None:
            return None
        try:
            return self._table.execute(statement, values).fetchone()
        except sqlite3.Error:
            return None  # A training does not end because nobody can be asked.
