"""The trivial answers, on drawings of one colour."""

import numpy as np
import pytest

pytest.importorskip("PIL")

import image_description


def plain(red, green, blue, name):
    return {"image": np.full((2, 2, 3), (red, green, blue), np.uint8), "target": name}


PARTS = {
    "train": [
        plain(250, 0, 0, "a red square on a wall"),
        plain(0, 0, 250, "a blue square on the floor"),
        plain(0, 0, 0, "night"),
    ],
    "val": [plain(9, 9, 9, "a black square on a wall"), plain(240, 0, 0, "a red circle on a wall")],
    "test": [plain(200, 30, 30, "a dark red square"), plain(20, 20, 20, "a cave"), plain(60, 60, 220, "sea")],
}


def test_the_nearest_drawing_lends_its_name():
    found = image_description.nearest(PARTS, "test")
    assert [each.output for each in found] == [
        "a red square on a wall",
        "night",
        "a blue square on the floor",
    ]
    assert [each.reference for each in found] == [record["target"] for record in PARTS["test"]]


def test_the_constant_answer_is_the_best_in_validation():
    found = image_description.constant(PARTS, "test")
    assert {each.output for each in found} == {"a red square on a wall"}


def test_words_right_are_those_of_the_references():
    found = image_description.nearest(PARTS, "test")  # a, red, square of four words; none of a cave; not sea.
    assert image_description.words_right(found) == pytest.approx(3 / 7)
