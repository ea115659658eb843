"""The headline of a scaling study."""

from pathlib import Path

from gpt_exp.page.scaling import _held_out_facts
from gpt_exp.run.folder import RunFolder
from gpt_exp.scaling.findings import Prediction
from gpt_exp.scaling.run import Run


def prediction(percent):
    run = Run(
        folder=RunFolder(Path("run")),
        name="run",
        N=1e6,
        D=1e7,
        loss=2.0,
        step=10,
        num_steps=10,
        is_evaluated=True,
    )
    return Prediction(run, 2.0 * (1 + percent / 100), 1.0, 3.0, True)


def test_held_out_runs_for_which_there_is_no_room_are_told_together():
    facts = _held_out_facts([prediction(percent) for percent in (1, 2, 3, 4, -7)])
    assert [value for value, _, _ in facts] == ["+1.0 %", "+2.0 %", "+3.0 %", "-7.0 %"]
    assert facts[-1][1] == "off at most, 2 more held out"
    assert len(_held_out_facts([prediction(1)])) == 1
