"""The page stands on the folder alone, says what was measured, and runs no text that came from the run."""

import json
import math
import random
import re

import pytest

from gpt_exp.errors import UserError
from gpt_exp.page.run import going_on, run_page, write_report
from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder

CONFIG = {
    "name": "pretrain_demo",
    "seed": 1337,
    "batch_size": 32,
    "model": {"_target_": "gpt_exp.model.llama.Llama", "num_layers": 6, "num_heads": 6, "embedding_dim": 192},
    "optimizer": {"_target_": "gpt_exp.optimizer.muon.muon", "lr": 0.02},
    "trainer": {"max_steps": 600, "precision": "bf16-mixed"},
}
SAMPLE = '''read_lines(path):
    """Return the lines of a file, without their ends."""
    with open(path, encoding="utf-8") as file:
        return [line.rstrip() for line in file if line]
'''


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """A finished run as it looks in life."""
    config = CONFIG | {"paths": {"cache": str(tmp_path / "outputs" / "cache")}}
    folder = RunFolder.create(
        tmp_path / "outputs" / "pretrain_demo" / "2026-11-23_10-00-00", config, ["experiment=pretrain_demo"]
    )
    noise = random.Random(0)
    for step in range(10, 601, 10):
        loss = 2.6 + 5.0 * math.exp(-step / 60) + noise.gauss(0, 0.05)
        lr = 0.02 * min(step / 50, 1) * (0.55 + 0.45 * math.cos(math.pi * step / 600))
        norm = 0.4 + 2 / step + noise.random() / 5
        lines.append(
            folder.metrics,
            {"step": step, "train/loss": loss, "lr": lr, "gradient_norm": norm, "tokens": step * 8192},
        )
        rate = 41_000 + noise.gauss(0, 900)
        lines.append(
            folder.speed,
            {"step": step, "speed/tokens_per_second": rate, "speed/elapsed_seconds": step * 0.2},
        )
        if step % 100 == 0:
            lines.append(
                folder.metrics,
                {"step": step, "val/loss": loss + 0.1, "val/bits_per_byte": loss / 2},
            )
            lines.append(folder.samples, {"step": step, "prompt": "def ", "text": SAMPLE})
            lines.append(folder.samples, {"step": step, "prompt": "import ", "text": "os\nimport sys\n"})
    return folder


def finish(folder: RunFolder) -> None:
    folder.set_status("finished", step=600)
    validation = {"loss": 2.713, "perplexity": 15.07, "bits_per_byte": 1.231, "gzip": 2.121, "xz": 1.842}
    results = {"step": 600, "num_parameters": 3_421_056, "num_tokens_seen": 4_915_200, "seconds": 121.3}
    folder.results.write_text(json.dumps(results | {"val": validation}))


def shown(page: str) -> str:
    """The text between the tags."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def drawn(page: str) -> list[dict]:
    """The figures in a page; NaN and infinity are no JSON."""

    def refuse(constant: str):
        raise AssertionError(constant)

    found = re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)
    return [json.loads(each, parse_constant=refuse) for each in found]


def test_the_headline_of_a_finished_run(folder):
    finish(folder)
    text = shown(write_report(folder.path).read_text())
    for fact in ("finished", "1.231 bits per byte", "2.713", "15.07 perplexity", "3.42 M parameters"):
        assert fact in text
    assert "4.92 M tokens" in text and "2 min 1 s" in text and "40.5 k tokens/s" in text
    assert "gzip 2.121 xz 1.842 this model 1.231" in text
    assert f"gpt-exp train resume={folder.path}" in text


def test_a_running_run_shows_what_is_known(folder):
    folder.set_status("running", max_steps=800)
    with folder.lock():  # As its process does; without one it would be stopped.
        text = shown(write_report(folder.path).read_text())
    assert "running" in text and "last validation of 600 steps" in text and "gzip" not in text
    assert "step 600 of 800 about 40 s left" in text  # 0.2 s a step.


def test_a_run_whose_process_is_gone_is_not_running(folder):
    folder.set_status("running", max_steps=800)
    text = shown(write_report(folder.path).read_text())
    assert "stopped" in text and "ended without a word" in text and "left" not in text


def test_a_failed_run_that_logged_nothing_has_a_page(tmp_path):
    folder = RunFolder.create(tmp_path / "demo" / "1", CONFIG, [])
    folder.set_status("failed", reason="RuntimeError: out of memory")
    text = shown(write_report(folder.path).read_text())
    assert "failed" in text and "out of memory" in text and "num_layers: 6" in text


def test_the_curves_are_those_of_the_metrics(folder):
    figures = drawn(write_report(folder.path).read_text())
    curves = {trace["name"]: trace for figure in figures for trace in figure["data"]}
    metrics = lines.read_metrics(folder.metrics)
    assert curves["training"]["y"] == pytest.approx([line["train/loss"] for line in metrics])
    assert list(curves["validation"]["x"]) == [100, 200, 300, 400, 500, 600]
    assert curves.keys() == {
        "training",
        "validation",
        "learning rate",
        "gradient norm",
        "tokens per second",
    }


def test_no_text_of_the_run_becomes_markup(tmp_path):
    evil = "</pre></script><script>alert(1)</script>"
    folder = RunFolder.create(tmp_path / "demo" / "1", CONFIG | {"name": evil}, [f"name={evil}"])
    folder.set_status("failed", reason=evil)
    lines.append(folder.samples, {"step": 1, "prompt": evil, "text": evil})
    lines.append(folder.metrics, {"step": 1, "train/loss": 1.0})
    page = write_report(folder.path).read_text()
    assert "<script>alert" not in page and page.count("</script>") == 2  # A figure's, and the page's own.


def test_it_needs_no_network_and_one_copy_of_the_script(folder, tmp_path):
    (tmp_path / "outputs" / "cache").mkdir()
    page = write_report(folder.path).read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    (cached,) = (tmp_path / "outputs" / "cache").iterdir()
    beside = folder.path / "plotly.min.js"
    assert 'data-plotly="plotly.min.js"' in page and beside.stat().st_size > 1e6
    assert cached.samefile(beside)
    assert len(page) < 100_000


def test_a_copied_run_has_its_page_too(folder, tmp_path):
    copy = folder.path.rename(tmp_path / "elsewhere")
    assert "last validation" in write_report(copy).read_text()


def test_infinite_and_missing_values_do_not_break_the_page(tmp_path):
    folder = RunFolder.create(tmp_path / "demo" / "1", CONFIG, [])
    lines.append(folder.metrics, {"step": 1, "train/loss": math.nan})
    lines.append(folder.metrics, {"step": 2, "val/loss": math.inf, "lr": None})
    curves = {
        trace["name"]: trace
        for each in drawn(write_report(folder.path).read_text())
        for trace in each["data"]
    }
    assert curves["training"]["y"] == [None] and curves["validation"]["y"] == [None]


def test_a_metric_of_another_task_has_its_curve(folder):
    lines.append(folder.metrics, {"step": 600, "val/accuracy": 0.7})
    curves = [
        trace["name"] for each in drawn(write_report(folder.path).read_text()) for trace in each["data"]
    ]
    assert "val/accuracy" in curves and "val/bits_per_byte" not in curves


def test_gradient_cosines_are_one_heat_map_and_one_figure_of_curves(folder):
    lines.append(folder.metrics, {"step": 600, "val/accuracy": 0.7})
    before = len(drawn(write_report(folder.path).read_text()))
    for step, cosine in ((50, 0.25), (100, -0.75)):
        cosines = {"train/cosine/a/b": cosine, "train/cosine/a/c": cosine / 2, "train/cosine/b/c": 0.5}
        lines.append(folder.metrics, {"step": step, **cosines})
    figures = drawn(write_report(folder.path).read_text())
    assert len(figures) == before + 2
    heat_map, curves = figures[before - 1 : before + 1]  # Before what has no figure of its own.
    assert heat_map["data"][0]["z"] == [[None, -0.25, -0.125], [-0.25, None, 0.5], [-0.125, 0.5, None]]
    assert {trace["name"]: trace["y"] for trace in curves["data"]} == {
        "a/b": [0.25, -0.75],
        "a/c": [0.125, -0.375],
        "b/c": [0.5, 0.5],
    }


def test_a_failed_run_shows_its_reason_and_the_end_of_its_log(folder):
    folder.set_status("failed", reason="RuntimeError: out of memory")
    folder.log.write_text("".join(f"line {i}\n" for i in range(10_000)))
    page = write_report(folder.path).read_text()
    text = shown(page)
    assert "Why it failed RuntimeError: out of memory" in text
    assert "line 9999" in text and "line 9000 " not in text
    assert 'data-key="log" open' in page


def test_a_job_of_a_sweep_leads_to_its_sweep(folder, tmp_path):
    assert "its sweep" not in write_report(folder.path).read_text()
    (folder.path.parent / "sweep.json").write_text("{}")
    assert '<a href="../report.html">its sweep</a>' in write_report(folder.path).read_text()
    assert "its sweep" not in run_page(folder)  # Where it is served it is at another address.
    assert "pretrain_demo job 2026-11-23_10-00-00" in shown(run_page(folder))
    assert '<a href="/sweep/x">its sweep</a>' in run_page(folder, sweep="/sweep/x", live=2)


DAMAGED = {
    "results.json": [
        '{"val": 3, "seconds": NaN}',
        '{"val": null}',
        '{"seconds": 1e999, "val": {"loss": "x"}}',
    ],
    "environment.json": ['{"packages": null, "gpus": null, "argv": null}'],
    "git.json": ['{"dirty": true}'],
    "metrics.jsonl": ['[3]\n{"step": 1, "val/loss": "x"}\n'],
    "samples.jsonl": ['[3]\n{"step": 3}\n'],
    "speed.jsonl": ['{"step": 1, "speed/elapsed_seconds": NaN}\n'],
    "overrides.yaml": ["- \xff\n"],
    "train.log": ["\xff"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, each in DAMAGED.items() for text in each])
def test_files_that_hold_something_else_leave_the_page(folder, name, text):
    finish(folder)
    (folder.path / name).write_text(text, encoding="latin-1")
    assert "pretrain_demo" in shown(write_report(folder.path).read_text())


def test_a_damaged_file_is_named(folder):
    folder.results.write_text("{")
    with pytest.raises(UserError, match=r"results\.json is damaged"):
        write_report(folder.path)


def test_a_config_that_is_no_text_is_shown_as_far_as_it_is(folder):
    folder.config_file.write_bytes(b"name: \xe9\n")
    assert "name: �" in run_page(folder)


def test_what_a_link_leads_to_is_not_shown(folder, tmp_path):
    (tmp_path / "secret").write_text("canary")
    for file in (folder.log, folder.console, folder.overrides):
        file.unlink(missing_ok=True)
        file.symlink_to(tmp_path / "secret")
    assert "canary" not in run_page(folder)


@pytest.mark.parametrize(
    ("status", "told"),
    [({"max_steps": 500}, (500, 500, 0)), ({"max_steps": -1}, None), ({"max_steps": "x"}, None)],
)
def test_a_run_that_went_past_its_steps_has_nothing_left(folder, status, told):
    assert going_on(status, lines.read_metrics(folder.metrics), lines.read_metrics(folder.speed)) == told
