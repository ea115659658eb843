"""From a command to a sweep that is through, with jobs that end as the test says."""

import pytest

from gpt_exp.errors import JobsFailed, UserError
from gpt_exp.run.lines import append
from gpt_exp.sweep import manager
from gpt_exp.sweep.carry_out import carry_out
from gpt_exp.sweep.ending import Ending
from gpt_exp.sweep.folder import SweepFolder, sweep_folders


class Work:
    def __init__(self, run, state):
        self.run, self.state, self.is_over = run, state, False

    def poll(self):
        append(self.run.metrics, {"step": 5, "val/loss": 1.0, "val/perplexity": 2.7})
        self.run.set_status(self.state)
        self.is_over = True
        return Ending(self.state)

    def stop(self, cause=None):
        pass


class Place:
    """Every job ends at once, as its overrides are told to."""

    num_slots, outlives_sweep = 1, False

    def __init__(self, states):
        self.states, self.started, self.work = states, [], None

    def has_room(self):
        return self.work is None or self.work.is_over

    def start(self, job, run):
        self.started.append(job.overrides)
        self.work = Work(run, self.states.get(job.overrides[0], "finished"))
        return self.work


@pytest.fixture
def command(tmp_path, monkeypatch):
    """`gpt-exp train -m` with these overrides; returns the sweep's folder and its place."""
    monkeypatch.setattr(manager, "POLL_SECONDS", 0)

    def give(*texts, states=None):
        place = Place(states or {})
        texts = ["debug=fast", f"paths.outputs={tmp_path}", *texts]
        carry_out(texts, None, "train", make_place=lambda *_: place)
        return SweepFolder(sweep_folders(tmp_path)[0]), place

    return give


def only_folder(outputs):
    (path,) = sweep_folders(outputs)
    return SweepFolder(path)


def test_the_same_command_does_nothing_twice(command):
    folder, place = command("seed=1,2")
    assert len(place.started) == 2
    again, place = command("seed=1,2")
    assert (again.path, place.started) == (folder.path, [])
    assert folder.leaderboard_csv.exists() and folder.report.exists()


def test_jobs_that_somebody_stopped_are_told_of_and_go_on(command, tmp_path):
    with pytest.raises(JobsFailed, match="1 of 2 jobs were stopped; to go on: gpt-exp sweep resume"):
        command("seed=1,2", states={"seed=2": "stopped"})
    _, place = command("seed=1,2")
    assert place.started == [["seed=2"]]


def test_failed_jobs_wait_for_a_retry(command, tmp_path):
    with pytest.raises(JobsFailed, match="1 of 2 jobs failed; to try them again: gpt-exp sweep retry"):
        command("seed=1,2", states={"seed=2": "failed"})
    with pytest.raises(JobsFailed):
        command("seed=1,2")
    _, place = command("seed=1,2", "sweep.retry_failed=true")
    assert place.started == [["seed=2"]]


def test_a_second_command_does_not_touch_a_sweep_that_is_carried_out(command, tmp_path):
    command("seed=1,2")
    folder = only_folder(tmp_path)
    before = folder.asked()
    with folder.lock(), pytest.raises(UserError, match="in use"):
        command("seed=1,2,3")
    assert folder.asked() == before


def test_a_search_for_a_metric_that_no_job_has_ends_with_the_first(command, tmp_path):
    search = (
        "sweep=random",
        "optimizer.lr=interval(0.001,0.01)",
        "sweep.num_trials=4",
        "sweep.metric=val/los",
        "sweep.direction=minimize",
    )
    with pytest.raises(UserError, match=r"finished without a val/los\. Did you mean val/loss"):
        command(*search)
    assert [job.state for job in only_folder(tmp_path).jobs()] == ["finished"]


def test_a_search_whose_jobs_were_all_done_before_has_them_in_its_table(command):
    search = ("sweep=random", "optimizer.lr=0.1,0.2", "sweep.num_trials=2")
    command(*search)
    folder, place = command(*search, "sweep.new=true")
    assert place.started == []
    assert [job.state for job in folder.jobs()] == ["finished", "finished"]


@pytest.mark.parametrize("swept", ["sweep.metric=val/loss,test/loss", "name=a,b", "sweep=grid,random"])
def test_what_a_sweep_has_one_value_of_is_refused(command, swept):
    with pytest.raises(UserError, match="a sweep has one value of it"):
        command(swept, "seed=1")


def test_jobs_that_watch_different_metrics_need_one_of_the_sweep(command):
    swept = "callback.checkpoint.monitor=val/loss,val/perplexity"
    with pytest.raises(UserError, match=r"sweep\.metric: .* monitor val/loss and val/perplexity"):
        command(swept)
    command(swept, "sweep.metric=val/loss")


@pytest.mark.parametrize(
    "wrong",
    ["sweep.metric=[]", "sweep.metric=val/length", "sweep.direction=up", "sweep.num_trials=null", "name=a/b"],
)
def test_mistakes_are_told_in_a_line(command, wrong):
    with pytest.raises((UserError, ValueError)) as told:
        command("seed=1,2", wrong)
    assert "\n" not in str(told.value)
