"""What of fine-tuning cannot be, or would do nothing, is told before anything starts."""

import pytest

from gpt_exp.config import fine_tuning
from gpt_exp.config.compose import composition

TABLE = ["module=fine_tuning", "task=translation", "data=docstrings", "model=gpt_nano"]


def complaints(*overrides: str) -> list[str]:
    return [str(p) for p in fine_tuning.problems(composition("train", [*TABLE, *overrides]).resolved.config)]


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["module.r_drop=1"], "module.r_drop: two passes are the same without dropout"),
        (["module.layer_decay=1.5"], "module.layer_decay: 1.5 must be above 0 and at most 1"),
        (["module.layer_decay=0"], "module.layer_decay: 0 must be above 0"),
        (["adapter=last_layers", "adapter.num_layers=99"], "adapter.num_layers: 99 must be from 1 to "),
    ],
)
def test_finds(overrides: list[str], part: str) -> None:
    (line,) = complaints(*overrides)
    assert line.startswith(part)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["module.r_drop=1", "model.dropout=0.1"],
        ["module.layer_decay=0.9"],
        ["adapter=last_layers", "adapter.num_layers=1"],
    ],
)
def test_lets_pass(overrides: list[str]) -> None:
    assert not complaints(*overrides)
