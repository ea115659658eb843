"""Other libraries' own pages, as they are served, on runs that were not logged with them."""

import importlib.util
import signal
import sqlite3
import time
from contextlib import closing
from functools import partial

import httpx
import psutil
import pytest

from gpt_exp.dashboard import other_ui
from gpt_exp.dashboard.other_ui import Place, open_other
from gpt_exp.errors import UserError

pytestmark = pytest.mark.slow


def needs(module):
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"needs {module}")


def until(look):
    """What a look gives, once it gives something."""
    end = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def ended(process, by=signal.SIGINT):
    process.send_signal(by)
    assert process.wait(timeout=120) == 0
    return process.stdout.read()


@needs("optuna_dashboard")
def test_optuna(serve, make_sweep):
    make_sweep("sweeps/name/time", "finished", "failed")
    process, url = serve("ui=optuna")
    assert "<html" in httpx.get(url, follow_redirects=True).text
    studies = httpx.get(f"{url}/api/studies").json()["study_summaries"]
    assert [study["study_name"] for study in studies] == ["name/time"]
    trials = httpx.get(f"{url}/api/studies/{studies[0]['study_id']}").json()["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Fail"]
    assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
    assert ended(process) == "dashboard: stopped\n"


@needs("tensorboard")
def test_tensorboard(serve, make_run):
    make_run("name/time")
    process, url = serve("ui=tensorboard")
    assert "TensorBoard" in httpx.get(url).text
    tags = until(lambda: httpx.get(f"{url}/data/plugin/scalars/tags").json())
    assert set(tags) == {"cache/tensorboard/name/time"}
    scalars = {"run": "cache/tensorboard/name/time", "tag": "train/loss"}
    points = httpx.get(f"{url}/data/plugin/scalars/scalars", params=scalars).json()
    assert [step for _, step, _ in points] == [10, 20, 30, 40]
    assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
    children = psutil.Process(process.pid).children(recursive=True)
    assert ended(process, by=signal.SIGTERM).endswith("dashboard: stopped\n")
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def steps_in(database):
    """Of the lines with a training loss."""
    with closing(sqlite3.connect(database)) as connection:
        lines = connection.execute("SELECT step FROM metrics WHERE CAST(metrics AS TEXT) LIKE '%train/loss%'")
        return sorted(step for (step,) in lines)


def runs_of(url):
    return httpx.post(f"{url}/api/get_runs_for_project", json={"project": "gpt-exp"}).json()["data"]


@needs("trackio")
def test_trackio(serve, make_run, log_step, outputs, monkeypatch):
    """Also after a second start each line is there once; an address of a hub is not used."""
    monkeypatch.setenv("TRACKIO_SPACE_ID", "nobody/nothing")
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    folder = make_run("name/time", step=30)
    database = outputs / "trackio" / "gpt-exp.db"
    for steps in ([10, 20, 30], [10, 20, 30, 40]):
        process, url = serve("ui=trackio")
        assert "<html" in httpx.get(url).text
        assert [run["name"] for run in until(partial(runs_of, url))] == ["name/time"]
        until(lambda steps=steps: steps_in(database) == steps)
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
        assert ended(process).endswith("dashboard: stopped\n")
        log_step(folder, 40)


def test_a_missing_package_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(other_ui.importlib.util, "find_spec", lambda name: None)
    place = Place(tmp_path, "127.0.0.1", 0, 5, print)
    with pytest.raises(UserError, match="pip install optuna-dashboard"):
        open_other("optuna", place)
