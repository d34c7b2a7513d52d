import json
import sqlite3
import struct
import tempfile
import unittest
from pathlib import Path

from trainer.progress import Requests, metric_line
from trainer.text import IGNORED, encode, pad
from trainer.training_run_manager import TrainingRunManager, is_whole_safetensors, new_manifest, replace_folder, write_json


def safetensors(path: Path, missing: int = 0) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * (8 - missing))


def checkpoint(folder: Path, missing: int = 0) -> None:
    safetensors(folder / "adapter_model.safetensors", missing)
    (folder / "trainer_state.json").write_text("{}")
    (folder / "optimizer.pt").write_text("")
    (folder / "scheduler.pt").write_text("")


class Runs(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.run_ = TrainingRunManager(self.folder / "run", self.folder / "output")

    def test_goes_on_from_the_last_whole_checkpoint(self):
        self.assertIsNone(self.run_.last_checkpoint(1))
        for step, missing in ((5, 0), (10, 0), (15, 3)):
            checkpoint(self.run_.checkpoints(1) / f"checkpoint-{step}", missing)
        safetensors(self.run_.checkpoints(1) / "checkpoint-20" / "adapter_model.safetensors")
        self.assertEqual(self.run_.last_checkpoint(1)[0], 10)

    def test_takes_the_one_optimizer_file_of_mlx_where_it_is_whole(self):
        for step, missing in ((5, 0), (10, 4)):
            folder = self.run_.checkpoints(1) / f"checkpoint-{step}"
            safetensors(folder / "adapter_model.safetensors")
            safetensors(folder / "optimizer.safetensors", missing)
            (folder / "trainer_state.json").write_text("{}")
        self.assertEqual(self.run_.last_checkpoint(1)[0], 5)

    def test_a_stage_is_done_with_its_steps_and_whole_adapters(self):
        self.assertFalse(self.run_.stage_is_done(1, 10))
        self.run_.finish_stage(1, 10)
        self.assertFalse(self.run_.stage_is_done(1, 10))
        safetensors(self.run_.adapters(1) / "adapter_model.safetensors")
        self.assertTrue(self.run_.stage_is_done(1, 10))
        self.assertFalse(self.run_.stage_is_done(1, 20))

    def test_keeps_a_manifest(self):
        settings = {"base_model": {}, "training": {"num_stages": 1, "stage1": {"iterations": 3, "learning_rate": 1.0}}}
        write_json(self.run_.manifest_path, new_manifest("r", "r", "p", settings, {}))
        self.run_.update(status="running")
        self.run_.update_stage(1, status="completed", adapters="x")
        self.run_.add("exports", {"path": "y"})
        manifest = self.run_.manifest()
        self.assertEqual(manifest["status"], "running")
        self.assertEqual(manifest["stages"]["1"], {"status": "completed", "iterations": 3, "learning_rate": 1.0, "adapters": "x"})
        self.assertEqual(manifest["exports"], [{"path": "y"}])

    def test_a_failure_ends_the_stage_that_was_being_trained(self):
        settings = {"base_model": {}, "training": {"num_stages": 2, "stage1": {"iterations": 3, "learning_rate": 1.0}, "stage2": {"iterations": 3, "learning_rate": 1.0}}}
        self.run_.settle("failed")
        write_json(self.run_.manifest_path, new_manifest("r", "r", "p", settings, {}))
        self.run_.update_stage(1, status="running")
        self.run_.settle("failed")
        manifest = self.run_.manifest()
        self.assertEqual([manifest["status"], *(one["status"] for one in manifest["stages"].values())], ["failed", "failed", "not_started"])

    def test_files_are_judged_by_header_and_length(self):
        path = self.folder / "a.safetensors"
        self.assertFalse(is_whole_safetensors(path))
        for missing, whole in ((0, True), (1, False)):
            safetensors(path, missing)
            self.assertEqual(is_whole_safetensors(path), whole)
        path.write_bytes(b"\xff" * 20)
        self.assertFalse(is_whole_safetensors(path))

    def test_a_folder_takes_the_place_of_another(self):
        for name in ("new", "old"):
            (self.folder / name).mkdir()
            (self.folder / name / "file").write_text(name)
        replace_folder(self.folder / "new", self.folder / "old")
        self.assertEqual((self.folder / "old" / "file").read_text(), "new")
        self.assertFalse((self.folder / "new").exists())


class Lines(unittest.TestCase):
    def test_a_line_of_numbers(self):
        line = metric_line({"loss": 2.5, "eval_loss": None, "learning_rate": 1e-05, "step": 12})
        self.assertEqual(line, "{'loss': 2.5, 'learning_rate': 1e-05, 'step': 12}")
        self.assertEqual(metric_line({"loss": float("nan"), "step": 1}), "{'loss': nan, 'step': 1}")

    def test_requests_come_through_the_table(self):
        path = str(Path(tempfile.mkdtemp()) / "job.db")
        table = sqlite3.connect(path, isolation_level=None)
        table.execute("CREATE TABLE Job (id TEXT, status TEXT, step INTEGER, stop INTEGER DEFAULT 0, save_now INTEGER DEFAULT 0)")
        table.execute("INSERT INTO Job (id) VALUES ('x')")
        requests = Requests(path)
        requests.status("running")
        requests.look(1)
        self.assertEqual((requests.stop, requests.take_save()), (False, False))
        table.execute("UPDATE Job SET stop = 1, save_now = 1")
        requests.look(2)
        self.assertEqual((requests.stop, requests.take_save(), requests.take_save()), (True, True, False))
        self.assertEqual(table.execute("SELECT status, step, save_now FROM Job").fetchone(), ("running", 2, 0))
        table.execute("DROP TABLE Job")
        requests.look(3)

    def test_nobody_has_to_ask(self):
        requests = Requests("")
        requests.look(1)
        self.assertFalse(requests.stop)


class Words:
    """A tokenizer whose tokens are characters."""

    eos_token_id = 0
    chat_template = None

    def __call__(self, text, add_special_tokens=False):
        return {"input_ids": [ord(character) for character in text]}


class Templated(Words):
    chat_template = "yes"

    def apply_chat_template(self, turns, tokenize, add_generation_prompt=False):
        text = "".join(f"<{turn['role'][0]}>{turn['content']}" for turn in turns)
        return text + ("<a>" if add_generation_prompt else "")


class Encoding(unittest.TestCase):
    def test_only_the_output_is_learned(self):
        row = encode("ab", "cd", Words(), 1_000)
        self.assertEqual([label for label in row["labels"] if label != IGNORED], [ord("c"), ord("d"), 0])
        self.assertEqual(len(row["labels"]), len(row["input_ids"]))

    def test_the_models_own_template_is_used(self):
        row = encode("ab", "cd", Templated(), 1_000)
        self.assertEqual("".join(map(chr, row["input_ids"][:-1])), "<u>ab<a>cd")

    def test_a_long_row_keeps_its_output(self):
        row = encode("x" * 100, "cd", Templated(), 20)
        self.assertEqual(len(row["input_ids"]), 20)
        self.assertEqual(row["labels"][-3:], [ord("c"), ord("d"), 0])
        row = encode("x" * 100, "c" * 100, Templated(), 20)
        self.assertEqual(len(row["input_ids"]), 20)
        self.assertEqual(sum(label != IGNORED for label in row["labels"]), 10)

    def test_padding_is_not_seen(self):
        batch = pad([{"input_ids": [1, 2], "labels": [IGNORED, 2]}, {"input_ids": [3], "labels": [3]}], 9)
        self.assertEqual(batch["input_ids"], [[1, 2], [3, 9]])
        self.assertEqual(batch["attention_mask"], [[1, 1], [1, 0]])
        self.assertEqual(batch["labels"], [[IGNORED, 2], [3, IGNORED]])


if __name__ == "__main__":
    unittest.main()
