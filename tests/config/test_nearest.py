"""Misspelt names find what was meant."""

import pytest

from gpt_exp.config.nearest import distance, nearest


def test_distance_counts_edits() -> None:
    pairs = {
        ("", ""): 0,
        ("abc", "abc"): 0,
        ("abc", "abd"): 1,
        ("abc", "acb"): 1,
        ("ab", "abc"): 1,
        ("", "abc"): 3,
    }
    assert {pair: distance(*pair) for pair in pairs} == pairs
    assert distance("kitten", "sitting") == 3


@pytest.mark.parametrize("word", ["train", "trian", "tain", "trainn", "Train", "tarin"])
def test_one_edit_is_found(word: str) -> None:
    names = ["train", "evaluate", "check"]
    assert nearest(word, names) == ("" if word == "train" else "train")


def test_far_names_are_not_suggested() -> None:
    assert nearest("zebra", ["model.num_layers", "seed"]) == ""


def test_the_last_part_is_enough() -> None:
    assert nearest("num_layer", ["model.num_layers", "model.num_heads"]) == "model.num_layers"
