"""Trains a run of a project with MLX where it would not be chosen: `python mlx-run.py PROJECT RUN_ID [STEP]`, interrupted behind STEP."""

import os
import signal
import sys

sys.path.insert(0, sys.argv[1])

from trainer.job import job_of_run  # noqa: E402
from trainer.mlx_trainer import MlxTrainer  # noqa: E402


class Interrupted(MlxTrainer):
    def report(self, work, values, tokens=None):
        super().report(work, values, tokens)
        if len(sys.argv) > 3 and work.offset + self.made == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGINT)


Interrupted(job_of_run(sys.argv[2], None)).run()
