"""Stages that repeat are stages like others, under names with the round's number."""

import pytest
from staged import STAGED, planned, write_experiment

from gpt_exp.config.rounds import one_by_one
from gpt_exp.errors import UserError

ROUNDS = """\
  rounds:
    repeat: 2
    stages:
      more:
        model: run
        init.run: stage:more_{before}
        trainer: {max_steps: 4}
"""
TEXT = STAGED.replace("  second:\n", "  more_0:\n").replace("stage:second", "stage:more_2")
FIRST, THIRD = TEXT[: TEXT.index("  side:")], TEXT[TEXT.index("  side:") :]


@pytest.fixture
def plan(tmp_path):
    def make(*overrides: str, text: str = FIRST + ROUNDS + THIRD):
        write_experiment(tmp_path / "conf", text)
        return planned(tmp_path, *overrides)

    return make


def test_a_round_begins_from_the_one_before(plan):
    stages = plan()
    assert list(stages) == ["first", "more_0", "more_1", "more_2", "side", "third"]
    begun = {name: list(stage.parents) for name, stage in stages.items() if name.startswith("more")}
    assert begun == {"more_0": ["first"], "more_1": ["more_0"], "more_2": ["more_1"]}
    assert stages["more_2"].config.init.run == str(stages["more_1"].path)


def test_another_round_leaves_those_before_it_as_they_are(plan):
    two, three = plan(), plan("stages.rounds.repeat=3")
    assert set(three) - set(two) == {"more_3"}
    assert all(three[name].key == two[name].key for name in two)


def test_one_round_alone_can_be_told_something(plan):
    changed = plan("stages.more_2.optimizer.lr=0.5")
    assert [name for name, stage in plan().items() if stage.key != changed[name].key] == ["more_2", "third"]


def test_numbers_stand_in_texts_at_any_depth():
    keys = {
        "a": ["{round}", {"b": "x_{before}/{source}"}],
        "c": 1,
        "d": "{round}000",
        "e": "0.{round}",
        "f": "5",
    }
    found = dict(one_by_one({"r": {"repeat": 2, "stages": {"s": keys}}}, {}, "file"))
    assert found["s_2"].keys == {"a": [2, {"b": "x_1/{source}"}], "c": 1, "d": 2000, "e": 0.2, "f": "5"}
    assert found["s_2"].place == ("r", "stages", "s")


@pytest.mark.parametrize("times", ["0", "-1", "many"])
def test_a_number_of_rounds_that_is_none_is_refused(plan, times):
    with pytest.raises(UserError, match=rf"^stages\.rounds\.repeat: {times} must be a number of rounds"):
        plan(f"stages.rounds.repeat={times}")


def test_a_stage_of_a_rounds_name_is_refused(plan):
    with pytest.raises(UserError, match=r"^stages\.more_1: two stages have this name"):
        plan(text=FIRST + ROUNDS + "  more_1: {model: run, init.run: stage:first}\n" + THIRD)


def test_a_mistake_in_a_round_is_told_with_its_line(plan):
    text = FIRST + ROUNDS.replace("max_steps", "max_stepz") + THIRD
    number = next(i for i, line in enumerate(text.splitlines(), 1) if "max_stepz" in line)
    with pytest.raises(UserError) as error:
        plan(text=text)
    line = str(error.value)  # The next round hangs on it.
    assert line.startswith("stages.more_1.trainer.max_stepz: no such key")
    assert f"staged.yaml:{number})" in line and "\n" not in line
