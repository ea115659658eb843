"""Records from a few packages of the standard library: the whole takes some seconds."""

import ast
import sysconfig
from pathlib import Path

import pytest

from gpt_exp.data.canonical import fingerprint
from gpt_exp.data.docstrings import Docstrings
from gpt_exp.data.functions import Functions
from gpt_exp.data.imports import Imports
from gpt_exp.data.python_sources import sources

LIBRARY = Path(sysconfig.get_path("stdlib"))
KEPT = ("json", "email", "concurrent", "logging", "random.py", "textwrap.py", "pydoc.py")
OTHERS = [path.name for path in LIBRARY.iterdir() if path.name not in KEPT]


@pytest.fixture(scope="module")
def functions():
    return Functions(without=OTHERS).read()["train"]


@pytest.fixture(scope="module")
def docstrings():
    return Docstrings(without=OTHERS).read()["train"]


@pytest.fixture(scope="module")
def imports():
    return Imports(without=OTHERS).read()


def original(record):
    """The function of the library that a record was made of."""
    tree = ast.parse((LIBRARY / record["group"]).read_text(encoding="utf-8"))
    named = [node for node in ast.walk(tree) if getattr(node, "name", None) == record["name"]]
    return [node for node in named if ast.get_docstring(node) == record["docstring"]]


def test_signature_docstring_and_body_are_the_librarys_function(functions):
    for record in functions[::50]:
        text = f"{record['signature']}\n    {record['docstring']!r}\n{record['body']}"
        (rebuilt,) = ast.parse(text).body
        without = [[ast.dump(node) for node in found.body[1:]] for found in original(record)]
        assert [ast.dump(node) for node in rebuilt.body[1:]] in without


def test_every_function_is_code_at_the_margin_within_its_length(functions):
    assert len(functions) > 200
    for record in functions:
        ast.parse(f"{record['signature']}\n{record['body']}")
        assert record["signature"].startswith((f"def {record['name']}(", f"async def {record['name']}("))
        assert len(record["signature"]) + len(record["body"]) < 1200
        assert (LIBRARY / record["group"]).is_file()
    pairs = [(record["signature"], record["body"]) for record in functions]
    assert len(set(pairs)) == len(pairs)


def test_shorter_functions_are_some_of_all(functions):
    shorter = Functions(without=OTHERS, max_characters=400).read()["train"]
    assert 0 < len(shorter) < len(functions) and all(record in functions for record in shorter)


def test_a_docstring_is_summarized_by_its_first_line(docstrings):
    assert len(docstrings) > 50
    by_target = {record["target"]: record for record in docstrings}
    record = by_target["Fill a single paragraph of text, returning a new string."]
    assert record["source"].startswith("Reformat the single paragraph in 'text'")
    assert record["group"] == "textwrap.py"
    for record in docstrings:
        assert record["target"].endswith(".") and "\n" not in record["target"]
        assert len(record["source"]) >= 40


def test_imports_are_a_files_modules_in_order_with_the_last_to_find(imports):
    found = {record["user"]: record for record in imports["test"]}["json/__init__.py"]
    assert [*found["items"], found["target"]] == ["json.decoder", "json.encoder", "codecs"]
    (validated,) = (record for record in imports["val"] if record["user"] == "json/__init__.py")
    assert validated == {"user": "json/__init__.py", "items": ["json.decoder"], "target": "json.encoder"}
    (trained,) = (record for record in imports["train"] if record["user"] == "json/__init__.py")
    assert trained == {"user": "json/__init__.py", "items": ["json.decoder"]}


def test_relative_imports_have_their_full_names_and_none_comes_twice(imports):
    modules = [[*record["items"], record["target"]] for record in imports["test"]]
    assert all(len(set(each)) == len(each) for each in modules)
    named = {module for each in modules for module in each}
    assert "concurrent.futures._base" in named and "__future__" not in named
    assert not any(module.startswith(".") or not module for module in named)


def test_reading_twice_gives_the_same(docstrings):
    again = Docstrings(without=OTHERS)
    assert again.read()["train"] == docstrings
    assert again.fingerprint() == fingerprint({"train": docstrings})
    assert again.fingerprint() != Docstrings(without=[*OTHERS, "email"]).fingerprint()


def test_left_out_names_are_gone():
    names = [name for name, _ in sources(without=OTHERS)]
    assert {name.split("/")[0] for name in names} == {*KEPT}


def test_bounds_are_told():
    with pytest.raises(ValueError, match=r"data\.max_characters=0 must be at least 1"):
        Functions(max_characters=0)
    with pytest.raises(ValueError, match=r"data\.min_characters=0 must be at least 1"):
        Docstrings(min_characters=0)
