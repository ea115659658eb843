"""Jobs that another launcher (here threads) carries out: handed over together, known by their folders."""

import json
import sys
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from types import SimpleNamespace

import pytest

from gpt_exp.errors import UserError
from gpt_exp.run import lock
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.cluster import elsewhere, launched, node
from gpt_exp.sweep.cluster.elsewhere import Elsewhere
from gpt_exp.sweep.cluster.queue_signals import TAKEN_BACK
from gpt_exp.sweep.cluster.slurm import Entry
from gpt_exp.sweep.ending import Ending
from gpt_exp.sweep.folder import Job
from gpt_exp.sweep.machine.process import Limits

# Stands for python -m gpt_exp.job: does what the file `do` in the run's folder says.
JOB = """
import os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
exec((folder / "do").read_text())
"""
FINISH = "(folder / 'status.json').write_text('{\"state\": \"finished\"}')"
STOP = """
while not (folder / "stop").exists():
    time.sleep(0.02)
why = (folder / "stop").read_text()
(folder / "status.json").write_text('{"state": "stopped", "reason": "%s"}' % why)
sys.exit(143)
"""


class Cluster:
    """A launcher: starts all jobs at once, and returns when all have ended."""

    def __init__(self) -> None:
        self.launches: list[list[str]] = []
        self.refusal: Exception | None = None
        self.open = Event()  # Whether it starts what it was given.
        self.open.set()

    def hand_over(self, runs: list[Path], folder: Path, name: str) -> list[int]:
        self.launches.append([run.name for run in runs])
        if self.refusal is not None:
            raise self.refusal
        self.open.wait()
        threads = [Thread(target=partial(node.work, config_of(run))) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [0] * len(runs)


def config_of(run: Path) -> SimpleNamespace:
    return SimpleNamespace(paths=SimpleNamespace(run=str(run)))


class Queue:
    """What SLURM is told to say."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, int], Entry] = {}
        self.cancelled: list[tuple[str, int, bool]] = []

    def find(self, name, index, *, surely=False):
        return self.entries.get((name, index))

    def cancel(self, name, index, *, waiting):
        self.cancelled.append((name, index, waiting))
        self.entries[name, index] = Entry("1", "CANCELLED")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(node, "JOB", (sys.executable, "-c", JOB))
    monkeypatch.setattr(launched, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(launched, "LOST_SECONDS", 0.1)


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def new_run(tmp_path):
    def make(number: int, do: str) -> RunFolder:
        path = tmp_path / "sweeps" / "name" / "time" / f"{number:04d}"
        path.mkdir(parents=True)
        (path / "do").write_text(do)
        return RunFolder(path)

    return make


def place(cluster: Cluster, *, slots: int = 10, limits: Limits = Limits(), queue: Queue | None = None):  # noqa: B008
    return Elsewhere(cluster.hand_over, slots, limits, queue)


def start(place: Elsewhere, run: RunFolder):
    number = int(run.path.name)
    return place.start(Job(number, "", [], run.path.name), run)


def wait(work) -> Ending:
    give_up = monotonic() + 20
    while (ended := work.poll()) is None:
        assert monotonic() < give_up
        sleep(0.02)
    return ended


def wait_for(condition) -> None:
    give_up = monotonic() + 20
    while not condition():
        assert monotonic() < give_up
        sleep(0.02)


def test_what_starts_together_is_one_launch(cluster, new_run):
    there = place(cluster)
    works = [start(there, new_run(number, FINISH)) for number in range(3)]
    assert [wait(work) for work in works] == [Ending("finished")] * 3
    assert cluster.launches == [["0000", "0001", "0002"]]


def test_no_more_jobs_than_slots_are_given_away(cluster, new_run):
    there = place(cluster, slots=1)
    first, waiting = start(there, new_run(0, FINISH)), new_run(1, FINISH)
    assert start(there, waiting) is None
    wait(first)
    assert wait(start(there, waiting)) == Ending("finished")
    assert cluster.launches == [["0000"], ["0001"]]


def test_why_a_job_failed(cluster, new_run):
    there = place(cluster)
    raises, killed, ends = (
        new_run(0, "raise ValueError('no such thing')"),
        new_run(1, "os.kill(os.getpid(), 9)"),
        new_run(2, "sys.exit(0)"),
    )
    reasons = [wait(start(there, run)) for run in (raises, killed, ends)]
    assert [ended.state for ended in reasons] == ["failed"] * 3
    assert [ended.reason for ended in reasons] == [
        "exit code 1: ValueError: no such thing",
        "killed by SIGKILL (by somebody, or by the system when memory ran out)",
        "ended with exit code 0 before it was finished (sys.exit?)",
    ]


def test_what_an_earlier_attempt_printed_is_no_reason(cluster, new_run):
    run = new_run(0, "sys.exit(5)")
    run.console.write_text("MemoryError: of the attempt before\n")
    assert wait(start(place(cluster), run)).reason == "exit code 5"


def test_a_launcher_that_takes_no_job_is_a_mistake_told_in_its_words(cluster, new_run):
    cluster.refusal = RuntimeError("sbatch: error: invalid partition specified: fast")
    work = start(place(cluster), new_run(0, FINISH))
    with pytest.raises(UserError, match="invalid partition specified: fast"):
        wait(work)


def test_a_job_that_the_launcher_lost_has_failed_with_its_words(cluster, new_run, monkeypatch):
    """Its attendant died: a worker of Ray that was killed leaves no note."""

    def die(config) -> int:
        node.note(RunFolder(config.paths.run))
        return 0

    def hand_over(runs, folder, name):
        for run in runs:
            die(config_of(run))
        raise RuntimeError("The worker died unexpectedly")

    there = Elsewhere(hand_over, 1, Limits(), None)
    ended = wait(start(there, new_run(0, FINISH)))
    assert ended == Ending("failed", "RuntimeError: The worker died unexpectedly")


def test_stopping_a_job_that_was_not_given_away_yet(cluster, new_run):
    there = place(cluster)
    work = start(there, new_run(0, FINISH))
    work.stop()
    assert wait(work).state == "stopped"
    assert cluster.launches == []


def test_stopping_a_job_lets_it_save(cluster, new_run):
    run = new_run(0, STOP)
    work = start(place(cluster), run)
    wait_for(lambda: work.poll() is None and run.console.exists())
    work.stop()
    assert wait(work) == Ending("stopped", launched.STOP)


def test_a_request_that_a_starting_job_does_away_with_is_made_again(cluster, new_run):
    begin = "while not (folder / 'stop').exists():\n    time.sleep(0.02)\n(folder / 'stop').unlink()\n"
    run = new_run(0, begin + STOP)
    work = start(place(cluster), run)
    wait_for(lambda: work.poll() is None and run.console.exists())
    work.stop()
    assert wait(work) == Ending("stopped", launched.STOP)


def test_a_job_that_is_silent_too_long_has_hung(cluster, new_run):
    work = start(place(cluster, limits=Limits(silence=0.2 / 60)), new_run(0, STOP))
    ended = wait(work)
    assert ended.state == "failed" and ended.reason.startswith("hung: not a line in")


def test_a_run_that_another_process_is_in_is_given_away_when_that_has_left(cluster, new_run):
    """A job of a sweep that was killed, which saves before it goes."""
    run, there = new_run(0, FINISH), place(cluster)
    with lock.hold(run.path, "trains in it"):
        work = start(there, run)
        assert work.poll() is None and cluster.launches == []
    assert wait(work) == Ending("finished")


def queued(run: RunFolder, queue: Queue, state: str) -> None:
    """Let this run be in SLURM's queue from a sweep that was killed."""
    node.launch_file(run).write_text(json.dumps({"name": "old", "index": 3}))
    queue.entries["old", 3] = Entry("7_3", state)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_a_job_that_slurm_still_has_is_not_started_twice(cluster, new_run, state):
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, state)
    work = start(place(cluster, queue=queue), run)
    assert work.poll() is None
    node.work(config_of(run.path))  # SLURM carries it out.
    assert wait(work) == Ending("finished")
    assert cluster.launches == []


def test_a_run_that_is_giving_its_machine_back_is_let_alone(cluster, new_run):
    """Its attendant looks for the request that it made, to requeue the job."""
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "RUNNING")
    run.stop_request.write_text(TAKEN_BACK)
    start(place(cluster, queue=queue), run)
    assert run.stop_request.exists()


def test_a_job_that_slurm_has_no_more_is_started(cluster, new_run):
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "CANCELLED")
    assert wait(start(place(cluster, queue=queue), run)) == Ending("finished")
    assert cluster.launches == [["0000"]]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("TIMEOUT", Ending("stopped", "ended by SLURM: timeout")),
        ("CANCELLED", Ending("stopped", "ended by SLURM: cancelled")),
        ("NODE_FAIL", Ending("stopped", "ended by SLURM: node fail")),
        ("FAILED", Ending("failed", "ended by SLURM: failed")),
        ("OUT_OF_MEMORY", Ending("failed", "ended by SLURM: out of memory", out_of_memory=True)),
    ],
)
def test_a_job_that_left_no_note_ended_as_slurm_says(cluster, new_run, state, expected):
    """Whatever is the cluster's doing leaves the job to go on with; the rest is its own fault."""
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "RUNNING")
    work = start(place(cluster, queue=queue), run)
    assert work.poll() is None
    queue.entries["old", 3] = Entry("7_3", state)
    assert wait(work) == expected


def test_a_requeued_job_is_waited_for(cluster, new_run):
    """Its run has stopped, but SLURM will go on with it."""
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "RUNNING")
    work = start(place(cluster, queue=queue), run)
    run.set_status("stopped", reason="the queue takes its machine back")
    queue.entries["old", 3] = Entry("7_3", "PENDING")
    sleep(0.2)
    assert work.poll() is None


def test_stopping_takes_what_waits_out_of_the_queue(cluster, new_run):
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "PENDING")
    work = start(place(cluster, queue=queue), run)
    work.stop()
    assert wait(work).state == "stopped"
    assert queue.cancelled == [("old", 3, True)]


def test_a_second_stop_ends_what_runs(cluster, new_run):
    run, queue = new_run(0, FINISH), Queue()
    queued(run, queue, "RUNNING")
    work = start(place(cluster, queue=queue), run)
    work.stop()
    assert work.poll() is None and queue.cancelled == []
    work.stop()
    assert wait(work).state == "stopped"
    assert queue.cancelled == [("old", 3, False)]


SLURM = {"_target_": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"}
RAY = {"_target_": "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"}


@pytest.mark.parametrize(
    ("launcher", "trainer", "mistake"),
    [
        (
            SLURM | {"tasks_per_node": 1, "nodes": 1},
            {"devices": 8, "num_nodes": 1},
            "tasks_per_node=1 must be 8",
        ),
        (SLURM | {"tasks_per_node": 2, "nodes": 1}, {"devices": 2, "num_nodes": 2}, "nodes=1 must be .* 2"),
        (RAY, {"devices": 2, "num_nodes": 2}, "nodes=1 must be"),
    ],
)
def test_processes_that_the_trainer_would_wait_for_in_vain_are_refused(launcher, trainer, mistake):
    with pytest.raises(UserError, match=mistake):
        elsewhere.check(launcher, trainer, on_slurm=launcher is not RAY)


def test_what_goes_together_is_taken():
    elsewhere.check(SLURM | {"tasks_per_node": 4, "nodes": 2}, {"devices": 4, "num_nodes": 2}, on_slurm=True)
    elsewhere.check(
        SLURM | {"tasks_per_node": 4, "nodes": 1}, {"devices": "auto", "num_nodes": 1}, on_slurm=True
    )
    elsewhere.check(RAY, {"devices": 2, "num_nodes": 1}, on_slurm=False)
