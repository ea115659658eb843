"""Which numbers a CPU computes with by itself."""

import pytest

from gpt_exp import precision
from gpt_exp.precision import resolve_precision


@pytest.mark.parametrize(("is_fast", "taken"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_where_it_is_faster(monkeypatch, is_fast, taken):
    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: is_fast)
    assert resolve_precision("auto", "cpu") == taken


def test_what_is_said_is_done(monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_fast_bf16", lambda: True)
    assert resolve_precision("32-true", "cpu") == "32-true"
