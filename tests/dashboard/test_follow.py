"""Reading what grows: always what a fresh reading would give."""

import json
from math import nan

import pytest

from gpt_exp.dashboard import follow
from gpt_exp.dashboard.follow import Followed, Kept, Watched, last_record
from gpt_exp.run.lines import read_metrics
from gpt_exp.run.summary import reached_in

LOSS, ACCURACY = ("val/loss", "min"), ("val/accuracy", "max")
GOALS = frozenset([LOSS, ACCURACY])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.jsonl"


def append(file, *records):
    with file.open("a") as text:
        text.writelines(json.dumps(record) + "\n" for record in records)


def expected(file):
    records = read_metrics(file)
    found = {goal: reached_in(records, {}, *goal) for goal in GOALS}
    return {goal: value for goal, value in found.items() if value}


def test_reading_in_parts_is_reading_at_once(file, monkeypatch):
    monkeypatch.setattr(follow, "CHUNK", 50)  # Bytes: lines go over the ends of what is read at a time.
    followed = Followed(str(file), GOALS)
    losses = [3.0, 2.0, nan, 2.5, 1.5, 1.9]
    for step, loss in enumerate(losses):
        append(
            file, {"step": step, "train/loss": 1.0}, {"step": step, "val/loss": loss, "val/accuracy": step}
        )
        followed.look()
        assert followed.reached == expected(file) or loss != loss
        assert followed.step == step
    assert followed.reached[LOSS][:2] == (1.5, 4)
    assert followed.reached[ACCURACY][:2] == (5, 5)


def test_values_that_are_not_finite_are_never_the_best(file):
    append(file, {"step": 1, "val/loss": 2.0}, {"step": 2, "val/loss": nan})
    followed = Followed(str(file), GOALS).look()
    append(file, {"step": 3, "val/loss": -float("inf")})
    reached = followed.look().reached[LOSS]
    assert reached == (2.0, 1, -float("inf"), 3)


def test_a_torn_line_waits_for_its_end(file):
    append(file, {"step": 1, "val/loss": 2.0})
    with file.open("a") as text:
        text.write('{"step": 2, "val/lo')
    followed = Followed(str(file), GOALS).look()
    assert followed.step == 1
    with file.open("a") as text:
        text.write('ss": 1.0}\n')
    assert followed.look().reached[LOSS].best == 1.0


def test_a_run_that_was_cut_back_and_went_on_is_read_again(file):
    """Also where it has grown past what was read before."""
    append(file, *({"step": step, "val/loss": 1.0} for step in range(5)))
    followed = Followed(str(file), GOALS).look()
    file.write_text("")
    append(file, *({"step": step, "val/loss": 2.0} for step in range(9)))
    assert followed.look().reached == expected(file)


@pytest.mark.parametrize(
    "line", ["null", "[1]", "nonsense", '{"val/loss": 0.1}', '{"step": "x", "val/loss": 0}', "", "\0"]
)
def test_a_line_that_is_no_record_is_passed_over(file, line):
    append(file, {"step": 1, "val/loss": 2.0})
    with file.open("a") as text:
        text.write(line + "\n")
    followed = Followed(str(file), GOALS).look()
    assert followed.step == 1
    assert followed.reached[LOSS].last == 2.0
    assert last_record(str(file))["step"] == 1


def test_text_with_a_metrics_name_is_no_value(file):
    append(file, {"step": 1, "note": "val/loss", "val/loss": "low"}, {"step": 2, "val/loss": None})
    assert not Followed(str(file), GOALS).look().reached


def test_the_last_record_of_a_long_file(file):
    append(file, *({"step": step, "x": "y" * 100} for step in range(1000)))
    assert last_record(str(file))["step"] == 999


def test_a_file_is_parsed_only_when_it_is_another_one(file):
    parsed = []
    watched = Watched(str(file), lambda path: parsed.append(path) or len(parsed), 0)
    assert not watched.look()
    file.write_text("a")
    assert watched.look()
    assert not watched.look()
    assert watched.value == 1
    file.write_text("ab")
    assert watched.look()
    assert watched.value == 2
    file.unlink()
    assert watched.look()
    assert watched.value == 0


def test_what_cannot_be_parsed_is_damaged_until_it_can(file):
    watched = Watched(str(file), lambda path: json.loads(file.read_text()), {})
    file.write_text("{")
    watched.look()
    assert watched.damaged
    assert watched.value == {}
    file.write_text("{}  ")
    watched.look()
    assert not watched.damaged


def test_only_the_last_files_are_kept(tmp_path):
    kept, parsed = Kept(2), []
    for name in "abc":
        (tmp_path / name).touch()
    for name in "abcca":
        kept.get(str(tmp_path / name), parsed.append, None)
    assert [path[-1] for path in parsed] == ["a", "b", "c", "a"]


def test_a_file_may_be_kept_as_two_things(file):
    file.write_text("text")
    kept = Kept(9)
    assert kept.get(str(file), lambda _: 1, 0, key="a") == 1
    assert kept.get(str(file), lambda _: 2, 0, key="b") == 2
