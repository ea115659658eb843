"""What `gpt-exp stages` and a report tell of stages whose folders were written, not trained."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gpt_exp.cli import main
from gpt_exp.config.stage_plan import Stage
from gpt_exp.page.lineage import lineage_figure, lineage_rows, lineage_table, positions
from gpt_exp.page.run import run_page
from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder
from gpt_exp.stages.index import Entry, Index
from gpt_exp.stages.lineage import chain, read_lineage, save_lineage
from gpt_exp.stages.make import leading_to_last, lineage_of
from gpt_exp.stages.table import edges, stage_rows

PARENTS = {"base": [], "chat": ["base"], "code": ["base"], "merged": ["chat", "code"]}
KEYS = {name: f"{number}" * 64 for number, name in enumerate(PARENTS)}
SECONDS = {"base": 125.0, "chat": 30.0, "code": 7.0}


@pytest.fixture
def experiment(tmp_path) -> Path:
    """outputs/demo: all but the last stage are finished, the first of them cached."""
    place = tmp_path / "demo"
    stages = [
        Stage(
            name,
            KEYS[name],
            {parent: KEYS[parent] for parent in parents},
            place / f"{name}-{KEYS[name][:8]}",
            OmegaConf.create({"name": "demo"}),
            [],
            "val/loss",
            "min",
        )
        for name, parents in PARENTS.items()
    ]
    for number, stage in enumerate(stages):
        run = RunFolder(stage.path)
        save_lineage(run, lineage_of(stage, stages, run.path))
        run.save_config(stage.config)
        if stage.name in SECONDS:
            run.set_status("finished")
            run.results.write_text(json.dumps({"seconds": SECONDS[stage.name]}))
            for step, loss in ((1, 5.0), (2, 3.5 - number)):
                lines.append(run.metrics, {"step": step, "val/loss": loss})
    how = {"base": "cached", "chat": "run", "code": "run", "merged": "waiting"}
    entries = [Entry(s.name, s.key, s.path.name, how[s.name]) for s in stages]
    Index(place).save("gpt-exp train experiment=demo", entries)
    return place


def told(capsys, folder: Path) -> list[list[str]]:
    assert main(["stages", str(folder)]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:]]


def test_every_stage_has_a_row_with_what_it_came_from(experiment, capsys):
    assert told(capsys, experiment) == [
        ["base", "cached", "2", "min", "5", "s", "val/loss", "3.5", "base-00000000"],
        ["chat", "base", "run", "30", "s", "val/loss", "2.5", "chat-11111111"],
        ["code", "base", "run", "7", "s", "val/loss", "1.5", "code-22222222"],
        ["merged", "chat,", "code", "not", "started", "merged-33333333"],
    ]


def test_of_a_run_only_what_it_came_from(experiment, capsys):
    rows = told(capsys, experiment / "code-22222222")
    assert [row[0] for row in rows] == ["base", "code"]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda run: None, "is neither a staged experiment (stages.json), a sweep, nor a run"),
        (lambda run: run.save_config({"name": "x"}), "is a run by itself, no stage"),
    ],
)
def test_a_folder_that_is_no_stage_is_refused(tmp_path, capsys, make, line):
    make(RunFolder(tmp_path / "x/y"))
    assert main(["stages", str(tmp_path / "x/y")]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_a_damaged_lineage_is_told(experiment, capsys):
    (experiment / "code-22222222/lineage.json").write_text('{"stage": "code"}')
    assert main(["stages", str(experiment)]) == 2
    assert "lineage.json is damaged" in capsys.readouterr().err


def test_a_chain_has_each_run_once_and_parents_first(experiment):
    names = [read_lineage(run).stage for run in chain([RunFolder(experiment / "merged-33333333")])]
    assert names == ["base", "chat", "code", "merged"]
    rows = stage_rows(chain([RunFolder(experiment / "merged-33333333")]))
    assert edges(rows) == [(0, 1), (0, 2), (1, 3), (2, 3)]


def test_only_what_leads_to_the_last_stage_is_made_for_a_job_of_a_sweep(experiment):
    config = OmegaConf.create({})
    parents = {"a": [], "b": ["a"], "aside": ["a"], "c": ["b"]}
    stages = [
        Stage(name, name, {p: p for p in above}, experiment, config, [], "val/loss", "min")
        for name, above in parents.items()
    ]
    assert [stage.name for stage in leading_to_last(stages)] == ["a", "b", "c"]


def test_a_stage_stands_behind_all_that_it_came_from():
    assert positions(4, [(0, 1), (0, 2), (1, 3), (2, 3)]) == [(0, 0), (1, 0), (1, -1), (2, 0)]
    assert positions(3, [(0, 1), (0, 2), (1, 2)]) == [(0, 0), (1, 0), (2, 0)]


def test_the_report_draws_the_whole_experiment_and_marks_its_own_stage(experiment):
    run = RunFolder(experiment / "chat-11111111")
    rows = lineage_rows(run)
    figure = lineage_figure(rows, run)
    assert len(figure.layout.annotations) == 4  # Arrows.
    colors = figure.data[0].marker.color
    assert [colors[1] == color for color in colors] == [False, True, False, False]
    assert figure.data[0].text[1] == "chat<br>val/loss 2.5"
    assert [row.cells[1].text for row in lineage_table(rows, run)] == ["", "base", "base", "chat, code"]
    assert "What came from what" in run_page(run)


def test_a_run_by_itself_has_no_lineage_in_its_report(tmp_path):
    run = RunFolder(tmp_path / "demo/run")
    run.save_config({"name": "demo"})
    assert "What came from what" not in run_page(run)
