"""Whatever JSON holds can be counted, drawn and written down."""

import math

import pytest

from gpt_exp.run.loads import loads


def test_an_integer_that_is_no_float_is_infinite():
    found = loads(b'{"step": 12, "x": 1' + b"0" * 400 + b', "y": -1' + b"0" * 400 + b"}")
    assert found == {"step": 12, "x": math.inf, "y": -math.inf}


def test_half_of_a_pair_can_be_written_down_and_a_pair_stays():
    found = loads(rb'{"reason": ["\ud800", "\ud83d\ude00", "\u00e9"], "\udc00": 1}')
    assert found["reason"][1:] == ["😀", "é"]
    assert str(found).encode()


@pytest.mark.parametrize("text", [b"{", b"\xff", b""])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        loads(text)
