"""Programs and tests come from a record's fields."""

import pytest

from gpt_exp.task.execution.assertions import Assertions

# The first problem of HumanEval's file (MIT), shortened.
PROBLEM = {
    "prompt": "from typing import List\n\n\ndef has_close_elements(numbers: List[float], "
    "threshold: float) -> bool:\n",
    "entry_point": "has_close_elements",
    "test": "def check(candidate):\n    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.95) == True\n"
    "    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.8) == False\n",
}
RIGHT = "    return any(abs(a - b) < threshold for i, a in enumerate(numbers) for b in numbers[:i])"


def test_a_prompt_and_an_answer_make_a_program():
    tests = Assertions(program="{prompt}{answer}", tests="{test}\ncheck({entry_point})")
    assert tests.outcomes(PROBLEM, [RIGHT, "    return False"]) == ["passed", "failed"]


def test_a_list_of_tests_is_run_line_by_line():
    tests = Assertions(program="{answer}", tests="{test_list}")
    record = {"test_list": ["assert double(2) == 4", "assert double(3) == 6"]}
    right, lucky = "def double(n): return 2 * n", "def double(n): return 4"
    assert tests.outcomes(record, [right, lucky]) == ["passed", "failed"]


def test_a_program_without_the_answer_is_told():
    with pytest.raises(ValueError, match=r"must hold \{answer\}"):
        Assertions(program="{prompt}", tests="{test}")


def test_a_missing_field_is_told():
    with pytest.raises(ValueError, match="no field 'test', only code"):
        Assertions(program="{answer}", tests="{test}").outcomes({"code": ""}, ["pass"])
