"""A docstring's examples are tests where they can tell a right body from none."""

import inspect
import statistics
import textwrap
from collections import Counter
from collections.abc import Callable

from gpt_exp.task.execution.doctests import Doctests, module_of


def record(function: Callable, file: str) -> dict[str, str]:
    """As the data `functions` gives it, of a function with a signature of one line."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    end = next(i for i, line in enumerate(lines) if (i > 1 and '"""' in line) or ("'''" in line and i > 1))
    return {
        "signature": lines[0],
        "docstring": inspect.getdoc(function),
        "body": "\n".join(lines[end + 1 :]),
        "name": function.__name__,
        "group": file,
    }


def test_a_functions_own_body_passes_and_another_does_not():
    function = record(statistics.fmean, "statistics.py")
    assert Doctests().outcomes(function, [function["body"], "    return 0"]) == ["passed", "failed"]


def test_a_method_is_tried_in_its_class():
    method = record(Counter.most_common, "collections/__init__.py")
    wrong = "    return []"
    assert Doctests().outcomes(method, [method["body"], wrong]) == ["passed", "failed"]


def test_examples_that_even_no_body_passes_do_not_count():
    function = record(statistics.fmean, "statistics.py")
    elsewhere = function | {"docstring": "Adds.\n\n>>> 1 + 1\n2"}
    assert Doctests().outcomes(elsewhere, [function["body"]]) is None


def test_a_docstring_without_examples_is_no_test():
    function = record(textwrap.dedent, "textwrap.py")
    assert ">>>" not in function["docstring"]
    assert Doctests().outcomes(function, [function["body"]]) is None


def test_a_file_is_a_module():
    assert module_of("json/encoder.py") == "json.encoder"
    assert module_of("collections/__init__.py") == "collections"
