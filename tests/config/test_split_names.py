"""What a config tells of the data's splits."""

import pytest

from gpt_exp.config.split_names import split_names

FILES = {"train": "train.tsv", "val": None, "test": None}


@pytest.mark.parametrize(
    ("node", "names"),
    [
        (FILES, ("train", "val", "test")),  # What is not there is taken from the training records.
        ({**FILES, "val": "dev.tsv"}, ("train", "val")),
        ({**FILES, "test": "test.tsv"}, ("train", "test", "val")),
        ({"splits": {"train": "train", "test_2016": "flickr"}}, ("train", "test_2016", "val")),
        ({"records": FILES, "low": 0.5}, ("train", "val", "test")),
        ({"sources": {"own": {**FILES, "val": "dev.tsv"}, "more": FILES}}, ("train", "val")),
        ({"path": "imdb", "splits": {}}, None),
        ({"root": "."}, None),
        (None, None),
    ],
)
def test_splits_are_those_of_the_files_and_what_is_held_out(node, names):
    assert split_names(node) == names
