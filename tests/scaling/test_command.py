"""gpt-exp scaling: tables, a page and a JSON file, from a sweep's folder."""

import json
import re

import pytest
from omegaconf import OmegaConf

from gpt_exp.config.location import conf_folder
from gpt_exp.errors import UserError
from gpt_exp.scaling import command


@pytest.fixture
def config():
    """The verb's own config with these keys."""

    def make(**keys):
        return OmegaConf.merge(OmegaConf.load(conf_folder() / "scaling.yaml"), {"bootstrap": 20, **keys})

    return make


def test_the_larger_run_is_predicted_and_its_error_told(new_sweep, config, capsys):
    sweep = new_sweep(larger=204)
    command.main(config(runs=[str(sweep.path)], flops=[1e14]), [])
    printed = " ".join(capsys.readouterr().out.split())
    saved = json.loads((sweep.path / "scaling.json").read_text())
    held_out = [run for run in saved["runs"] if run["held_out"]]
    assert [run["run"] for run in held_out] == [str(sweep.path / "0009")]
    assert held_out[0]["predicted"] == pytest.approx(held_out[0]["loss"], rel=0.05)
    found = re.search(r"predicted ([\d.]+) \[([\d.]+), ([\d.]+)\], measured ([\d.]+)", printed)
    values = [held_out[0]["predicted"], *held_out[0]["interval"], held_out[0]["loss"]]
    assert [float(value) for value in found.groups()] == pytest.approx(values, abs=1e-4)
    assert [each["flops"] for each in saved["recommendations"]] == [1e14]
    for each in saved["recommendations"]:
        assert 6 * each["N"] * each["D"] == pytest.approx(each["flops"])


def test_the_page_opens_offline_and_links_to_the_runs(new_sweep, config):
    sweep = new_sweep(larger=204)
    run = sweep.run(sweep.jobs()[0])
    run.report.write_text("page")
    page = sweep.path / "pages" / "law.html"
    page.parent.mkdir()
    command.main(config(runs=[str(sweep.path)], page=str(page)), [])
    html = page.read_text()
    assert not re.search(r"(?:src|href)=\"?https?:", html)
    assert (page.parent / "plotly.min.js").is_file()
    assert 'href="../0000/report.html"' in html
    assert "held out" in html and html.count("application/json") == 5
    assert page.with_suffix(".json").is_file()


@pytest.mark.parametrize("widths", [(32, 96), (32, 34, 36)])
def test_what_the_runs_do_not_determine_is_said(widths, new_run, config, tmp_path, capsys):
    """Only two sizes, or some so near to each other that alpha can be anything."""
    for number, (width, steps) in enumerate((w, s) for w in widths for s in (250, 500, 1000)):
        new_run(f"runs/{number}", width, steps)
    folders = [str(path) for path in sorted((tmp_path / "runs").iterdir())]
    command.main(config(runs=folders, holdout=None), [])
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(r"alpha\b[a-z ]* (is|are) not determined by these runs", printed)
    assert (tmp_path / "runs" / "scaling.html").is_file()


def test_what_others_wrote_is_not_replaced(new_sweep, config):
    sweep = new_sweep()
    sweep.report.write_text("the sweep's page")
    for name in ("sweep.html", "report.html"):
        before = {path: path.read_bytes() for path in sweep.path.glob("*.*")}
        with pytest.raises(UserError, match="is no scaling study's"):
            command.main(config(runs=[str(sweep.path)], page=str(sweep.path / name)), [])
        assert {path: path.read_bytes() for path in sweep.path.glob("*.*")} == before
    for _ in range(2):  # Its own it does.
        command.main(config(runs=[str(sweep.path)]), [])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"level": 1.5}, "level=1.5"),
        ({"bootstrap": 3}, "bootstrap=3"),
        ({"flops": [-1]}, "a budget is above 0"),
        ({"page": "law.pdf"}, "an .html file"),
    ],
)
def test_values_that_make_no_study_are_refused(config, keys, message):
    with pytest.raises(UserError, match=message):
        command.main(config(**{"runs": ["sweep"], **keys}), [])
