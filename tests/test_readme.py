"""The README's "add your own" blocks, run as they stand there."""

import os
import re
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
TINY = ["data.paths=[README.md]", "tokenizer=byte", "model.context_length=32", "batch_size=4"]


def test_all_three_are_found():
    assert [Path(python).stem for python, *_ in PARTS] == [
        "package_descriptions",
        "backward_language_modeling",
        "moving_average",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("python", "yaml", "code", "config", "command"), PARTS, ids=[p[0] for p in PARTS])
def test_a_part_of_ones_own_takes_two_files(tmp_path, python, yaml, code, config, command):
    for name, content in ((python, code), (yaml, config), ("README.md", README)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    allow, _, *overrides = command.split()
    assert allow == "GPT_EXP_ALLOW=my_parts"
    tiny = TINY if "data=" in command else ["data=text", *TINY]
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
