import json
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from trainer.dataset_preparator import (
    DatasetError,
    Example,
    Fields,
    describe,
    load_examples,
    quality_weights,
    split,
    stage_order,
)


def written(text: str, name: str = "rows.jsonl") -> Path:
    path = Path(tempfile.mkdtemp()) / name
    path.write_text(text, encoding="utf-8")
    return path


class Reading(unittest.TestCase):
    def test_maps_fields_in_jsonl(self):
        path = written('\ufeff{"question": "a", "answer": "b", "score": 0.9}\n\n{"question": "c", "answer": "d"}\n')
        rows = load_examples(path, "jsonl", Fields("question", "answer", "score"))
        self.assertEqual(rows, [Example("a", "b", 0.9), Example("c", "d", None)])

    def test_reads_csv_with_quotes_and_newlines(self):
        path = written('instruction,output\n"a, b","c\nd"\n', "rows.csv")
        self.assertEqual(load_examples(path, "csv", Fields()), [Example("a, b", "c\nd")])

    def test_names_the_rows_that_cannot_be_used(self):
        path = written('{"instruction": "a", "output": "b"}\nno json\n{"instruction": 1, "output": "b"}\n[]\n')
        with self.assertRaisesRegex(DatasetError, r"3 rows .*row 2: no JSON; row 3: instruction .*; row 4: no object"):
            load_examples(path, "jsonl", Fields())

    def test_refuses_an_empty_file_and_what_is_no_text(self):
        with self.assertRaisesRegex(DatasetError, "no row"):
            load_examples(written("\n"), "jsonl", Fields())
        path = written("")
        path.write_bytes(b'{"instruction": "\xff", "output": "b"}')
        with self.assertRaisesRegex(DatasetError, "UTF-8"):
            load_examples(path, "jsonl", Fields())

    def test_tells_what_is_in_it(self):
        rows = [{"instruction": "a", "output": "b", "q": q} for q in ("high", "low", None)]
        facts = describe(written("\n".join(map(json.dumps, rows))), "jsonl", Fields(quality="q"), 2.5)
        self.assertEqual(facts["rows"], 3)
        self.assertEqual(facts["high_quality_rows"], 1)
        self.assertEqual(facts["rows_without_quality"], 1)
        self.assertEqual(facts["duplicate_rows"], 2)
        self.assertEqual(facts["effective_rows"], 4)


class Weights(unittest.TestCase):
    def weights(self, *qualities):
        return quality_weights([Example("a", "b", quality) for quality in qualities], 2.5)

    def test_numbers_words_and_truths(self):
        self.assertEqual(self.weights(0.7, 0.69, "0.9", None), [2.5, 1, 2.5, 1])
        self.assertEqual(self.weights("High", "low", "gold", ""), [2.5, 1, 2.5, 1])
        self.assertEqual(self.weights(True, False), [2.5, 1])

    def test_a_scale_beyond_one(self):
        self.assertEqual(self.weights(5, 4, 3, 1), [2.5, 2.5, 1, 1])

    def test_no_number(self):
        self.assertEqual(self.weights(float("nan"), float("inf"), [1]), [1, 1, 1])


class Order(unittest.TestCase):
    def test_even_order_takes_every_row_once_a_round(self):
        order = stage_order(5, 12, seed=1)
        self.assertEqual(Counter(order[:5]), Counter(range(5)))
        self.assertEqual(Counter(order[5:10]), Counter(range(5)))
        self.assertEqual(len(order), 12)

    def test_is_the_same_every_time(self):
        self.assertEqual(stage_order(50, 99, 7, [1.0] * 50, 0.15), stage_order(50, 99, 7, [1.0] * 50, 0.15))
        self.assertNotEqual(stage_order(50, 99, 7), stage_order(50, 99, 8))

    def test_weights_and_replay_in_their_proportion(self):
        weights = [2.5] * 50 + [1.0] * 50
        drawn = Counter(row < 50 for row in stage_order(100, 40_000, 3, weights))
        self.assertAlmostEqual(drawn[True] / drawn[False], 2.5, delta=0.15)
        mixed = Counter(row < 50 for row in stage_order(100, 40_000, 3, weights, replay_ratio=1.0))
        self.assertAlmostEqual(mixed[True] / mixed[False], 1.0, delta=0.05)


class Split(unittest.TestCase):
    def test_parts_are_disjoint_and_whole(self):
        train, validation, test = split(list(range(100)), (0.8, 0.1, 0.1), 1)
        self.assertEqual([len(train), len(validation), len(test)], [80, 10, 10])
        self.assertEqual(sorted(train + validation + test), list(range(100)))

    def test_few_rows_and_bad_ratios(self):
        self.assertEqual([len(part) for part in split([1, 2, 3], (0.8, 0.1, 0.1), 1)], [1, 1, 1])
        self.assertEqual([len(part) for part in split([1, 2, 3, 4], (0.5, 0.5, 0.0), 1)], [2, 2, 0])
        with self.assertRaises(DatasetError):
            split([1], (0.5, 0.1, 0.1), 1)


if __name__ == "__main__":
    unittest.main()
