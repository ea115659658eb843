"""The verb: which runs are compared, what the terminal shows, where the page goes."""

import json
from io import StringIO

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from gpt_exp.compare import folders, main, show
from gpt_exp.errors import UserError
from gpt_exp.page import comparison
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job, SweepFolder


@pytest.fixture
def new_folder(tmp_path):
    def make(name: str, **config) -> RunFolder:
        folder = RunFolder.create(tmp_path / name, {"seed": 1, "batch_size": 4} | config, [])
        folder.metrics.write_text(json.dumps({"step": 1, "val/loss": 2.0 + config.get("seed", 1)}) + "\n")
        folder.samples.write_text(json.dumps({"step": 1, "prompt": "[/x]", "text": f"[bold]{name}"}) + "\n")
        return folder

    return make


def printed(runs, width: int) -> str:
    console = Console(file=StringIO(), width=width)
    show(console, comparison.read(runs))
    return console.file.getvalue()


def test_the_page_is_written_with_links_to_the_runs(new_folder, tmp_path, capsys):
    a, b = new_folder("a"), new_folder("b", seed=2)
    a.report.write_text("a's page")
    page = tmp_path / "pages" / "compare.html"
    main(OmegaConf.create({"runs": [str(a.path), str(b.path)], "page": str(page)}), [])
    assert f"page: {page}" in capsys.readouterr().out
    text = page.read_text()
    assert 'href="../a/report.html"' in text and "../b" not in text
    assert (page.parent / "plotly.min.js").exists()


def test_without_a_page_nothing_is_written(new_folder, tmp_path, monkeypatch, capsys):
    runs = [str(new_folder(name).path) for name in "ab"]
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    main(OmegaConf.create({"runs": runs, "page": None}), [])
    assert set(tmp_path.rglob("*")) == before
    assert "config: nothing differs" in capsys.readouterr().out


def test_two_runs_fit_a_terminal_of_80_columns(new_folder):
    long = "a_long_value_" * 20
    text = printed([new_folder("a"), new_folder("b", seed=2, data={"paths": [long]})], 80)
    assert max(map(len, text.splitlines())) <= 80
    assert long not in text and "".join(text.split()).count("a_long_value") == 20
    lines = [line.split() for line in text.splitlines()]
    assert ["seed", "1", "2"] in lines and ["best", "=", "last", "val/loss", "3", "4", "+33.3", "%"] in lines
    assert "batch_size" not in text
    assert "[bold]a" in text and "'[/x]'" in text  # Not rich's markup.


def test_many_runs_go_below_each_other_and_none_is_lost(new_folder):
    runs = [new_folder(f"run_{i}", seed=i) for i in range(7)]
    text = printed(runs, 80)
    assert max(map(len, text.splitlines())) <= 80
    heads = [line.split()[1:] for line in text.splitlines() if line.startswith("config")]
    assert [name for head in heads for name in head] == [f"run_{i}" for i in range(7)]
    assert [len(head) for head in heads] == [3, 3, 1]
    assert len([line for line in printed(runs, 200).splitlines() if line.startswith("config")]) == 1


def test_a_sweep_stands_for_its_finished_jobs(new_folder, tmp_path):
    sweep = SweepFolder(tmp_path / "sweep")
    jobs = [
        Job(number=i, identity=str(i), overrides=[], run=f"{i:04}", state=state)
        for i, state in enumerate(("finished", "failed", "finished", "waiting"))
    ]
    for job in jobs[:3]:
        new_folder(f"sweep/{job.run}")
    sweep.save_asked({"objectives": []})
    sweep.save_jobs(jobs)
    other = new_folder("other")
    found = folders([other.path, sweep.path])
    assert [folder.path.name for folder in found] == ["other", "0000", "0002"]
    assert [folder.path.name for folder in folders([sweep.path / "0001", other.path])] == ["0001", "other"]
    sweep.save_jobs(jobs[3:])
    with pytest.raises(UserError, match=r"no job of the sweep .* has finished"):
        folders([sweep.path])


def test_mistakes_are_told_in_a_line(new_folder, tmp_path):
    a, b = new_folder("a"), new_folder("b")
    with pytest.raises(UserError, match=r"two runs or more, and only .*/a is given"):
        folders([a.path])
    with pytest.raises(UserError, match=r"two runs or more, and none"):
        folders([])
    with pytest.raises(UserError, match=r"/a is given twice"):
        folders([a.path, b.path, tmp_path / "b" / ".." / "a"])
    with pytest.raises(UserError, match="not a run folder"):
        folders([a.path, tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runs": None}, "runs=None: run folders"),
        ({"runs": 5}, "runs=5: run folders"),
        ({"runs": [1, 2]}, r"runs=\[1, 2\]: run folders"),
        ({"page": 5}, "page=5: a file"),
        ({"page": "."}, r"page=\.: a file"),
        ({"page": ""}, "page=: a file"),
        ({"page": "FOLDER"}, "is a folder"),
    ],
)
def test_what_is_no_path_is_told_in_a_line(new_folder, tmp_path, given, said):
    runs = [str(new_folder(name).path) for name in "ab"]
    given = {key: str(tmp_path) if value == "FOLDER" else value for key, value in given.items()}
    with pytest.raises(UserError, match=said):
        main(OmegaConf.create({"runs": runs, "page": None} | given), [])


@pytest.mark.parametrize("text", ["a: [\n", "- 1\n", "\xff"])
def test_a_damaged_config_is_told_in_a_line(new_folder, text):
    a, b = new_folder("a"), new_folder("b")
    b.config_file.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=str(b.config_file)):
        main(OmegaConf.create({"runs": [str(a.path), str(b.path)], "page": None}), [])


def test_no_text_of_a_run_steers_the_terminal(new_folder):
    runs = [new_folder("a", **{"x\x1b[31m": "\x1b]0;title\x07"}), new_folder("b\x1b[2J")]
    runs[0].samples.write_text(
        json.dumps({"step": 1, "prompt": "\x1b[1m", "text": "\x9b31mred\nnext"}) + "\n"
    )
    runs[0].set_status("failed", reason="\x1b[31m")
    text = printed(runs, 200)
    assert not {"\x1b", "\x9b", "\x07"} & set(text)
    assert "�31mred" in text
