"""Overlaid curves can be told apart, show the part that matters, and stay small."""

import json
import math

import pytest

from gpt_exp.page.figures import (
    MAX_IN_LEGEND,
    MAX_OVERLAID_POINTS,
    NAME_LENGTH,
    Curve,
    distinct,
    overlay,
    shortened,
    to_json,
)


def curve(name: str, *, num_points: int = 10, **more) -> Curve:
    return Curve(name, [(step, 1 + 1 / step) for step in range(1, num_points + 1)], **more)


def lines(figure) -> list:
    return [trace for trace in figure.data if trace.fill is None]


@pytest.mark.parametrize("number", [1, 2, 12, 13, 50])
def test_a_legend_names_few_curves_and_a_label_every_one(number):
    figure = overlay([curve(f"run {i}") for i in range(number)])
    assert figure.layout.showlegend == (1 < number <= MAX_IN_LEGEND)
    assert [trace.meta for trace in figure.data] == [f"run {i}" for i in range(number)]
    assert all("%{meta}" in trace.hovertemplate for trace in figure.data)


def test_a_group_has_one_colour_and_one_place_in_the_legend():
    figure = overlay([curve(f"{o} {s}", group=o) for o in ("adamw", "muon") for s in range(3)])
    colors = [trace.line.color for trace in figure.data]
    assert len(set(colors[:3])) == len(set(colors[3:])) == 1 and colors[0] != colors[3]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["adamw", "muon"]


def test_a_run_keeps_its_colour_where_another_has_no_points():
    both = overlay([curve("a"), curve("b")])
    alone = overlay([Curve("a", []), curve("b")])
    assert alone.data[0].line.color == both.data[1].line.color
    assert overlay([]).data == ()


def test_a_band_lies_around_its_curve():
    points = [(step, 2.0) for step in range(5)]
    band, line = overlay([Curve("mean", points, band=[(1.5, 2.5 + step) for step in range(5)])]).data
    assert band.fill == "toself" and band.fillcolor == line.line.color
    assert list(band.y) == [2.5, 3.5, 4.5, 5.5, 6.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    assert list(band.x) == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0]


def test_many_long_curves_stay_a_small_page():
    figure = overlay([curve(f"run {i}", num_points=5000) for i in range(50)])
    assert sum(len(trace.x) for trace in figure.data) <= MAX_OVERLAID_POINTS
    assert all(trace.x[-1] == 5000 for trace in figure.data)


def test_the_descent_at_the_start_does_not_hide_the_rest():
    figure = overlay(
        [Curve(f"{end}", [(x, end + 8 * math.exp(-x)) for x in range(100)]) for end in (2.0, 2.1)]
    )
    low, high = figure.layout.yaxis.range
    assert low < 2 and 2.1 < high < 3
    assert "double-click" in figure.layout.xaxis.title.text


def test_curves_that_use_the_whole_height_are_shown_whole():
    for values in ([1 - x / 100 for x in range(100)], [2.0] * 100, [math.nan] * 100, [5.0, 1.0]):
        assert overlay([Curve("x", list(enumerate(values)))]).layout.yaxis.range is None


def test_names_lose_the_words_that_all_have():
    names = ["optimizer=adamw lr=0.1 seed=1", "optimizer=adamw lr=0.2 seed=1"]
    assert distinct(names) == ["lr=0.1", "lr=0.2"]
    assert distinct(["a b", "a"]) == ["b", "a"]
    assert distinct(["a b"]) == ["a b"]


@pytest.mark.parametrize(
    "names",
    [
        [f"{i} {'x' * 60}" for i in range(3)],
        [f"{'x' * 60} {i}" for i in range(3)],
        [f"{'x' * 60} {i} {'x' * 60}" for i in range(3)],
    ],
    ids=["at the start", "at the end", "in the middle"],
)
def test_long_names_are_short_and_still_distinct(names):
    short = shortened(names)
    assert len(set(short)) == 3 and all(len(name) <= NAME_LENGTH + 4 for name in short)


def test_no_name_ends_the_script_element():
    text = to_json(overlay([curve("</script><script>alert(1)")]))
    assert "<" not in text and json.loads(text)["data"][0]["meta"].startswith("</script>")
