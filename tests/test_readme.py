"""The README's "add your own" blocks, run as they stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
PART = re.compile(
    r"`(my_parts/\w+\.py)` and\s`(my_conf/\w+/\w+\.yaml)`:\n\n"
    r"```python\n(.*?)```\n```yaml\n(.*?)```\n```\n(.*?)\n```",
    re.DOTALL,
)
PARTS = PART.findall(README)
DATA = re.findall(r"`(my_conf/data/\w+\.yaml)`,[^`]*`[^`]*`[^`]*:\n\n```yaml\n(.*?)```", README, re.DOTALL)
TESTS = re.findall(r"`(test_\w+\.py)`:\n\n```python\n(.*?)```", README, re.DOTALL)
SUMS = [{"question": f"{i} + {i}?", "answer": f"Twice {i}.\n#### {2 * i}"} for i in range(200)]
TINY = ["data.paths=[README.md]", "tokenizer=byte", "model.context_length=32", "batch_size=4"]


def test_all_are_found():
    assert [Path(python).stem for python, *_ in PARTS] == [
        "package_descriptions",
        "backward_language_modeling",
        "school_math",
        "moving_average",
    ]
    assert len(DATA) == len(TESTS) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("python", "yaml", "code", "config", "command"), PARTS, ids=[p[0] for p in PARTS])
def test_a_part_of_ones_own_takes_two_files(tmp_path, python, yaml, code, config, command):
    sums = "".join(f"{json.dumps(each)}\n" for each in SUMS)
    files = [(python, code), (yaml, config), ("README.md", README), ("my_data/sums.jsonl", sums)]
    for name, content in [*files, *DATA]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    allow, _, *overrides = shlex.split(command)
    assert allow == "GPT_EXP_ALLOW=my_parts"
    tiny = TINY if "data=" in command else ["data=text", *TINY]
    tiny += [] if "model=" in command else ["model=gpt_nano"]
    tiny = [override for override in tiny if not ("data=" in command and override.startswith("data."))]
    environment = {**os.environ, "GPT_EXP_ALLOW": "my_parts", "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "gpt_exp", *overrides, *tiny],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("outputs/debug_fast/*/report.html"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test"), TESTS)
def test_the_test_of_a_part_passes(tmp_path, name, test):
    python, _, code, *_ = next(part for part in PARTS if Path(part[0]).stem in name)
    for file, content in ((name, test), (python, code)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([".", *filter(None, [os.environ.get("PYTHONPATH")])]),
        },
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
