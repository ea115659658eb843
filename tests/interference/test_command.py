"""gpt-exp interference: a table, a page and files, from a sweep's folder; and the way from training on."""

import json
import re
import subprocess
import sys

import pytest

from gpt_exp import cli

NO_TORCH = "import sys; from gpt_exp.cli import main; main(sys.argv[1:]); assert 'torch' not in sys.modules"


def printed(capsys):
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_the_table_the_page_and_the_files(new_sweep, capsys):
    sweep = new_sweep()
    sweep.run(sweep.jobs()[1]).report.write_text("page")
    for _ in range(2):  # What it wrote before it replaces.
        assert cli.main(["interference", str(sweep.path)]) == 0
        lines = printed(capsys)
    assert "translation bleu (test) 20 ± 1.4 15 ± 0.94 0.750 80 60 20" in lines
    assert "chat perplexity (test, less is better) 6 ± 0 4 ± 0 1.500 80 60 20" in lines
    assert "mean 1.125" in lines and "translation and chat -0.300" in lines
    html = (sweep.path / "interference.html").read_text()
    assert not re.search(r"(?:src|href)=\"?https?:", html)
    assert 'href="0001/report.html"' in html and 'href="0002' not in html
    assert {path.name for path in sweep.path.glob("*.*")} >= {
        "interference.json",
        "interference.csv",
        "plotly.min.js",
    }


def test_without_cosines_a_line_says_how_to_have_them(new_run, tmp_path, capsys):
    for only in (None, "translation", "chat"):
        new_run(f"runs/{only}", {"translation": 1.0, "chat": 2.0}, only=only)
    page = tmp_path / "pages" / "found.html"
    runs = [str(path) for path in sorted((tmp_path / "runs").iterdir())]
    assert cli.main(["interference", *runs, f"page={page}"]) == 0
    assert "module.cosine_every_n_steps=50" in capsys.readouterr().out
    assert "module.cosine_every_n_steps=50" in page.read_text()
    assert page.with_suffix(".csv").is_file() and page.with_suffix(".json").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "error: runs=[]: the folder of a sweep"),
        (["runs=[5]"], "error: runs=[5]: the folder of a sweep"),
        (["SWEEP", "page=found.pdf"], "error: page=found.pdf: the page is an .html file"),
        (["SWEEP", "page=OTHERS"], "is there already and is no study of interference's"),
        (["SWEEP/0001"], "error: runs: none has all tasks together (only=null)"),
    ],
)
def test_mistakes_are_told_in_a_line(new_sweep, capsys, arguments, said):
    sweep = new_sweep()
    sweep.report.write_text("the sweep's page")
    others = {"SWEEP": str(sweep.path), "OTHERS": str(sweep.report)}
    given = [re.sub("SWEEP|OTHERS", lambda found: others[found[0]], each) for each in arguments]
    assert cli.main(["interference", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert sweep.report.read_text() == "the sweep's page" and not list(sweep.path.glob("interference.*"))


def test_no_torch_is_imported(new_sweep):
    command = [sys.executable, "-c", NO_TORCH, "interference", str(new_sweep().path)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.slow
def test_the_whole_way_from_training_on(train_several, capsys):
    names = ("length", "case")
    given = ["mixture=uniform", "trainer.max_steps=8"]
    runs = {
        only: train_several(*given, f"only={only or 'null'}", names=names, name=f"{only or 'all'}")
        for only in (None, *names)
    }
    page = runs[None].path.parent / "interference.html"
    assert cli.main(["interference", *(str(run.path) for run in runs.values())]) == 0
    told = json.loads(page.with_suffix(".json").read_text())
    assert page.is_file() and len(told["interference"]) == len(names)
    for row, name in zip(told["interference"], names, strict=True):
        reached = {only: json.loads(run.results.read_text())["test"] for only, run in runs.items()}
        assert (row["task"], row["metric"], row["split"]) == (name, "accuracy", "test")
        assert row["alone_mean"] == reached[name][name]["accuracy"]
        assert row["together_mean"] == reached[None][name]["accuracy"]
        assert row["examples_alone"] == row["examples_together"] == 32
        assert row["steps_alone"] == row["steps_together"] == 8
