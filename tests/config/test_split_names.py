"""What a config tells of the data's splits."""

import pytest

from gpt_exp.config.made import made
from gpt_exp.config.split_names import split_names
from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.split import Split

DELIMITED, PARALLEL = "gpt_exp.data.delimited.Delimited", "gpt_exp.data.parallel.ParallelText"
FILES = {"_target_": DELIMITED, "train": "train.tsv", "val": None, "test": None}


@pytest.mark.parametrize(
    ("node", "names"),
    [
        (FILES, ("train", "val", "test")),  # What is not there is taken from the training records.
        ({**FILES, "val": "dev.tsv"}, ("train", "val")),
        ({**FILES, "test": "test.tsv"}, ("train", "test", "val")),
        (
            {"_target_": PARALLEL, "splits": {"train": "train", "test_2016": "flickr"}},
            ("train", "test_2016", "val"),
        ),
        ({"_target_": "gpt_exp.data.part.Part", "records": FILES, "low": 0.5}, ("train", "val", "test")),
        (
            {
                "_target_": "gpt_exp.data.together.Together",
                "sources": {"own": {**FILES, "val": "dev.tsv"}, "more": FILES},
            },
            ("train", "val"),
        ),
        ({"_target_": "gpt_exp.data.hugging_face_records.HuggingFaceRecords", "splits": {}}, None),
        ({"_target_": "gpt_exp.data.movielens.MovieLens", "root": "."}, None),
        ({**FILES, "_target_": "my_parts.mine.Mine"}, None),  # Its parts may be called otherwise.
        (None, None),
    ],
)
def test_splits_are_those_of_the_files_and_what_is_held_out(node, names):
    assert split_names(node) == names


@pytest.mark.parametrize("held_out", [(), ("val",), ("test",), ("val", "test")])
def test_they_are_those_that_a_run_has(held_out, tmp_path):
    rows = "".join(f"text {number}\t{number % 2}\n" for number in range(60))
    for name in ("train", *held_out):
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + rows)
    node = {"_target_": DELIMITED} | {name: str(tmp_path / f"{name}.tsv") for name in ("train", *held_out)}
    parts = divide(made(node).read(), Split(val_fraction=0.2, test_fraction=0.2))
    assert set(split_names(node)) == set(parts)
