import copy
import json
import tempfile
import unittest
from pathlib import Path

from trainer.settings import SettingsError, check, override, read_settings

SETTINGS = {
    "project": {"name": "p"},
    "base_model": {"type": "llama", "model_id": "a/b", "quantization": "none"},
    "training": {"num_stages": 1, "stage1": {"iterations": 10, "learning_rate": 1e-4, "batch_size": 2}},
    "lora": {"rank": 8},
    "dataset": {"format": "jsonl"},
}


class Settings(unittest.TestCase):
    def changed(self, place, value):
        settings = copy.deepcopy(SETTINGS)
        *parents, last = place.split(".")
        section = settings
        for parent in parents:
            section = section[parent]
        section[last] = value
        return settings

    def test_takes_what_is_right(self):
        check(SETTINGS)

    def test_names_what_is_wrong(self):
        for place, value, words in (
            ("training.num_stages", 3, "num_stages"),
            ("training.num_stages", 2, "training.stage2"),
            ("training.stage1.iterations", 0, "iterations"),
            ("training.stage1.learning_rate", 2, "learning_rate"),
            ("base_model.model_id", "", "names no model"),
            ("base_model.quantization", "q3", "quantization"),
            ("dataset.format", "xml", "format"),
            ("lora", None, "lora"),
        ):
            with self.subTest(place), self.assertRaisesRegex(SettingsError, words):
                check(self.changed(place, value))

    def test_the_environment_overrides_by_place(self):
        settings = copy.deepcopy(SETTINGS)
        override(settings, {"FINETUNE_TRAINING__STAGE1__LEARNING_RATE": "1e-5", "FINETUNE_BASE_MODEL__MODEL_ID": "c/d", "OTHER": "x"})
        self.assertEqual(settings["training"]["stage1"]["learning_rate"], 1e-5)
        self.assertEqual(settings["base_model"]["model_id"], "c/d")
        with self.assertRaisesRegex(SettingsError, "FINETUNE_TRAINING__RATE"):
            override(settings, {"FINETUNE_TRAINING__RATE": "1"})

    def test_reads_a_number_that_yaml_takes_for_text(self):
        path = Path(tempfile.mkdtemp()) / "settings.json"
        path.write_text(json.dumps(self.changed("training.stage1.learning_rate", "1e-6")))
        self.assertEqual(read_settings(path, {})["training"]["stage1"]["learning_rate"], 1e-6)

    def test_says_where_nothing_is(self):
        with self.assertRaisesRegex(SettingsError, "no configuration"):
            read_settings(Path("/nowhere.yaml"), {})


if __name__ == "__main__":
    unittest.main()
