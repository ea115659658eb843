"""Values against annotations, as YAML gives them."""

import ast

import pytest

from gpt_exp.config.signatures import Annotation, Module, signature
from gpt_exp.config.values import accepts, mismatch

HERE = Module("gpt_exp.interfaces", None, None)

FITTING = [
    (3, "int"),
    (3, "float"),
    (0.5, "float"),
    (True, "bool"),
    ("a", "str"),
    (None, "int | None"),
    (None, "Optional[int]"),
    ([1, 2], "list[int]"),
    ([1, 2], "Sequence[int]"),
    ([0.9, 0.95], "tuple[float, float]"),
    ([1, 2, 3], "tuple[int, ...]"),
    ({"a": 1.0}, "Mapping[str, float]"),
    ("auto", "Union[list[int], str, int]"),
    ("b", "Literal['a', 'b']"),
    ("data.txt", "str | Path"),
    ({"_target_": "torch.nn.ReLU"}, "Callable[[int], int]"),
    (7, "SomethingUnknown"),
    (3, "'int'"),
]
WRONG = [
    (True, "int"),
    (True, "float"),
    (1, "bool"),
    (1.0, "int"),
    ("3", "int"),
    ("1e-3x", "float"),
    (None, "int"),
    (3, "str"),
    ([1, "a"], "list[int]"),
    ([0.9], "tuple[float, float]"),
    ({"a": "b"}, "dict[str, float]"),
    ("c", "Literal['a', 'b']"),
    ("ab", "list[str]"),
]


def annotation(text: str) -> Annotation:
    return Annotation(ast.parse(text, mode="eval").body, HERE)


@pytest.mark.parametrize(("value", "text"), FITTING)
def test_accepts_what_fits(value: object, text: str) -> None:
    assert mismatch(value, annotation(text)) == ("", "")


@pytest.mark.parametrize(("value", "text"), WRONG)
def test_says_what_was_expected_and_what_it_got(value: object, text: str) -> None:
    message, _ = mismatch(value, annotation(text))
    assert message.startswith("expected ")
    assert ", got " in message


def test_suggests_the_nearest_right_value() -> None:
    assert mismatch(10.0, annotation("int"))[1] == "10"
    assert mismatch("bb", annotation("Literal['ab', 'xy']"))[1] == "ab"


def test_follows_an_alias_of_a_library() -> None:
    found = signature("lightning.pytorch.Trainer")
    assert found is not None
    precision = found.parameters["precision"].annotation
    assert accepts("bf16-mixed", precision)
    assert mismatch("bf16-mixd", precision)[1] == "bf16-mixed"
