"""The wheel, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = ROOT / "tests" / "assets" / "public_domain.txt"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, as pip leaves it in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_trains_from_an_empty_folder(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    tiny = [
        "data=text",
        f"data.paths=[{TEXT}]",
        "tokenizer=byte",
        "model=gpt_nano",
        "model.context_length=32",
    ]
    command = [sys.executable, "-m", "gpt_exp", "train", "debug=fast", "batch_size=4", *tiny]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("outputs/debug_fast/*/report.html"))


@pytest.mark.slow
def test_the_wheel_holds_the_whole_configuration(installed):
    shipped = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {
        path.relative_to(installed / "gpt_exp/conf") for path in installed.rglob("conf/**/*.yaml")
    } == shipped


@pytest.mark.slow
def test_the_wheel_holds_the_pages(installed):
    page = Path("gpt_exp/page")
    parts = {path.name for suffix in ("j2", "css", "js") for path in (ROOT / page).glob(f"*.{suffix}")}
    assert parts and parts <= {path.name for path in (installed / page).iterdir()}
