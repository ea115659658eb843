"""The contract of all trackers, with one that writes into a list."""

import json

import pytest
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from gpt_exp.logger import tracker as module
from gpt_exp.logger.tracker import Tracker, tracking
from gpt_exp.run import lines
from gpt_exp.run.folder import RunFolder


class Notebook(Tracker):
    """Keeps what it is told; takes nothing while `away`, and never the `refused` step."""

    def __init__(self, path, known=()):
        super().__init__(path)
        self.known = set(known)
        self.written, self.summary, self.ended = [], {}, []
        self.away = False
        self.refused = 0  # A step.
        self.num_tries = 0

    def _open(self, step):
        return "open"

    def _has(self, name, step):
        return (name, step) in self.known

    def _write(self, metrics, step):
        self.num_tries += 1
        if self.away:
            raise ConnectionError("no answer")
        if step == self.refused:
            raise ValueError("no such step")
        self.written += [(name, step, value) for name, value in metrics.items()]

    def _summarize(self, values):
        if self.away:
            raise ConnectionError("no answer")
        self.summary |= values

    def _end(self, state):
        self.ended.append(state)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_what_it_lacks_comes_from_the_run_folder_and_what_it_has_does_not_come_twice(folder):
    for step in (1, 2, 3, 4):
        lines.append(folder.metrics, {"step": step, "train/loss": step / 10})
        lines.append(folder.speed, {"step": step, "speed/tokens_per_second": 7.0})
    notebook = Notebook(folder.path, known={("train/loss", 1), ("train/loss", 4)})
    notebook.start(3)
    for step in (4, 5):
        notebook.log_metrics({"train/loss": step / 10, "epoch": 0}, step)
    losses = [(step, value) for name, step, value in notebook.written if name == "train/loss"]
    assert losses == [(2, 0.2), (3, 0.3), (5, 0.5)]
    assert [step for name, step, _ in notebook.written if name.startswith("speed/")] == [1, 2, 3]
    assert "epoch" not in {name for name, _, _ in notebook.written}


def test_an_absent_server_costs_no_line_and_does_not_stop_training(folder, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    notebook = Notebook(folder.path)
    notebook.start(0)
    for step in range(1, 7):
        notebook.away = 2 <= step <= 4
        notebook.log_metrics({"x": step}, step)
    assert sorted(step for _, step, _ in notebook.written) == [1, 2, 3, 4, 5, 6]


def test_it_is_not_asked_again_at_once(folder):
    notebook = Notebook(folder.path)
    notebook.start(0)
    notebook.away = True
    notebook.log_metrics({"x": 1}, 1)
    notebook.away = False
    notebook.log_metrics({"x": 2}, 2)
    assert notebook.written == []
    notebook.close("finished")
    assert sorted(step for _, step, _ in notebook.written) == [1, 2]


def test_results_that_it_could_not_take_are_told_at_the_end(folder):
    notebook = Notebook(folder.path)
    notebook.start(0)
    notebook.away = True
    notebook.log_results({"test": {"loss": 2.0}})
    notebook.away = False
    notebook.close("finished")
    assert notebook.summary["results/test/loss"] == 2.0


def test_a_record_that_is_refused_does_not_keep_back_those_behind_it(folder):
    notebook = Notebook(folder.path)
    notebook.start(0)
    notebook.away = True
    for step in range(1, 5):
        notebook.log_metrics({"x": step}, step)
    notebook.away = False
    notebook.refused = 2
    notebook.close("finished")
    assert sorted(step for _, step, _ in notebook.written) == [1, 3, 4]
    assert notebook.ended == ["finished"]


def test_it_does_not_keep_a_run_from_its_end_for_long(folder, monkeypatch):
    monkeypatch.setattr(module, "LAST_SECONDS", 0.0)
    notebook = Notebook(folder.path)
    notebook.start(0)
    notebook.away = True
    for step in range(1, 5):
        notebook.log_metrics({"x": step}, step)
    notebook.num_tries = 0
    notebook.close("finished")
    assert notebook.num_tries == 1


def test_a_file_tells_that_it_is_open(folder):
    notebook = Notebook(folder.path)
    mark = folder.path / "Notebook.open"
    notebook.start(0)
    assert mark.exists()
    notebook.close("finished")
    assert not mark.exists()


def test_results_and_best_value_and_state_are_told(folder):
    folder.best.write_text(json.dumps({"step": 10, "metric": "val/loss", "value": 1.5}))
    notebook = Notebook(folder.path)
    notebook.start(0)
    notebook.log_results({"num_parameters": 3, "test": {"loss": 2.0}})
    notebook.close("finished")
    notebook.close("failed")  # It is closed once.
    results = {"results/num_parameters": 3, "results/test/loss": 2.0}
    assert notebook.summary == results | {
        "best/val/loss": 1.5,
        "best/step": 10,
        "state": "finished",
        "reason": "",
    }
    assert notebook.ended == ["finished"]


@pytest.mark.parametrize(
    ("error", "state"),
    [(ValueError, "failed"), (SystemExit, "failed"), (MemoryError, "failed"), (KeyboardInterrupt, "stopped")],
)
def test_an_exception_ends_it_in_its_state(folder, error, state):
    notebook = Notebook(folder.path)
    with pytest.raises(error), tracking([notebook], folder, 0):
        raise error("why")
    assert notebook.ended == [state]
    assert notebook.summary["reason"] == f"{error.__name__}: why"


@pytest.mark.parametrize("state", ["finished", "stopped", "pruned"])
def test_else_it_ends_as_the_run_does(folder, state):
    notebook = Notebook(folder.path)
    with tracking([notebook], folder, 0):
        folder.set_status(state, reason="told so")
    assert (notebook.ended, notebook.summary["reason"]) == ([state], "told so")


def test_one_that_can_not_start_ends_those_that_have(folder):
    first, second = Notebook(folder.path), Notebook(folder.path)
    second._open = lambda step: 1 / 0
    with pytest.raises(ZeroDivisionError), tracking([first, second], folder, 0):
        pass
    assert (first.ended, second.ended) == (["failed"], [])


def test_other_ranks_have_none(folder, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    notebook = Notebook(folder.path)
    with tracking([notebook], folder, 0):
        notebook.log_metrics({"x": 1.0}, step=1)
        notebook.log_results({"x": 1.0})
    assert (notebook.experiment, notebook.written, notebook.summary, notebook.ended) == (None, [], {}, [])
