"""What a cluster's job does: start the run's process, note its end, and give its machine back in order."""

import os
import signal
import sys
from threading import Timer
from types import SimpleNamespace

import pytest

from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.sweep.cluster import node
from gpt_exp.sweep.cluster.queue_signals import TAKEN_BACK

WAIT_FOR_STOP = """
import signal, sys, time
from pathlib import Path
print("blocked" if signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, []) else "open", flush=True)
while not Path(sys.argv[1], "stop").exists():
    time.sleep(0.02)
sys.exit(143)
"""


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def job(monkeypatch):
    """Let this code stand for `python -m gpt_exp.job`."""

    def be(code: str) -> None:
        monkeypatch.setattr(node, "JOB", (sys.executable, "-c", code))

    return be


def work(run: RunFolder) -> int:
    return node.work(SimpleNamespace(paths=SimpleNamespace(run=str(run.path))))


@pytest.mark.parametrize(("code", "expected"), [("exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9)])
def test_the_end_of_the_process_is_noted(run, job, code, expected):
    job(f"print('hello', flush=True); {code}")
    assert work(run) == expected
    assert read_json(node.note_file(run))["exit_code"] == expected
    assert run.console.read_text() == "hello\n"


def test_a_note_belongs_to_the_launch_it_is_of(run, job):
    node.launch_file(run).write_text('{"name": "sweep-1", "index": 0}')
    job("")
    work(run)
    assert read_json(node.note_file(run))["launch"] == "sweep-1"


def test_a_finished_run_is_not_started_again(run, job):
    run.set_status("finished")
    assert work(run) == 0
    assert not run.console.exists()
    assert read_json(node.note_file(run))["exit_code"] == 0


def test_a_run_that_was_stopped_while_it_waited_does_not_start(run, job):
    run.stop_request.write_text("not needed any more")
    assert work(run) == 143
    assert not run.console.exists()
    assert run.status()["state"] == "stopped" and run.status()["reason"] == "not needed any more"


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_the_first_process_of_a_needless_run_takes_the_others_along(run, job, monkeypatch, state):
    """They would wait for it: srun ends them when one ends with an error."""
    monkeypatch.setenv("SLURM_NTASKS", "2")
    if state == "finished":
        run.set_status("finished")
    else:
        run.stop_request.write_text("not needed any more")
    with pytest.raises(SystemExit) as left:
        work(run)
    assert left.value.code != 0
    assert read_json(node.note_file(run))["exit_code"] == (0 if state == "finished" else 143)


def test_a_request_of_the_queue_is_not_one_to_stay_away(run, job):
    """Its last attempt was killed before it could take the request back."""
    run.stop_request.write_text(TAKEN_BACK)
    job("")
    assert work(run) == 0
    assert run.console.exists()


def test_other_processes_of_a_run_keep_their_output_apart(run, job, monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "1")
    job("print('from one')")
    assert work(run) == 0
    assert (run.path / "console-1.log").read_text() == "from one\n"
    assert not node.note_file(run).exists()


def test_one_failing_process_ends_the_whole_run(run, job, monkeypatch):
    """srun ends all tasks of a job when one exits with a code other than 0."""
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    job("raise SystemExit(1)")
    with pytest.raises(SystemExit, match="1"):
        work(run)
    note = read_json(node.note_file(run))
    assert (note["exit_code"], note["rank"]) == (1, 1)


@pytest.fixture
def submitit(monkeypatch):
    """A handler of submitit's signal that tells when it was called, as in one of its jobs."""
    called = []
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    former = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    signal.signal(signal.SIGUSR2, lambda number, frame: called.append(number))
    yield called
    for number, handler in former.items():
        signal.signal(number, handler)


def signal_soon(run: RunFolder, number: int) -> None:
    """Once the run's process is there."""

    def look() -> None:
        if run.console.exists() and run.console.read_text():
            os.kill(os.getpid(), number)
        else:
            Timer(0.05, look).start()

    look()


def test_the_run_stops_before_submitit_requeues_it(run, job, submitit):
    job(WAIT_FOR_STOP)
    signal_soon(run, signal.SIGUSR2)
    assert work(run) == 143
    assert submitit == [signal.SIGUSR2]
    assert not run.stop_request.exists()  # It goes on when it comes back.


def test_a_request_that_is_gone_when_the_run_has_stopped_was_ours(run, job, submitit):
    job(WAIT_FOR_STOP.replace("sys.exit", "Path(sys.argv[1], 'stop').unlink(); sys.exit"))
    signal_soon(run, signal.SIGUSR2)
    work(run)
    assert submitit == [signal.SIGUSR2]


def test_the_runs_own_processes_never_get_submitits_signal(run, job, submitit):
    job(WAIT_FOR_STOP)
    signal_soon(run, signal.SIGUSR2)
    work(run)
    assert run.console.read_text() == "blocked\n"


def test_why_submitit_does_not_requeue_is_noted(run, job, submitit):
    def refuse(number, frame):
        raise RuntimeError("timed-out too many times")

    signal.signal(signal.SIGUSR2, refuse)
    job(WAIT_FOR_STOP)
    signal_soon(run, signal.SIGUSR2)
    assert work(run) == 143
    assert read_json(node.note_file(run))["reason"].startswith("timed-out too many times (hydra.launcher.")


def test_a_run_that_somebody_else_stopped_is_not_requeued(run, job, submitit):
    """Pruned in the same moment: the queue's wish changes nothing."""
    job("print('here', flush=True); import time; time.sleep(0.5); raise SystemExit(143)")
    run_started = run.path / "stop"
    Timer(0.2, lambda: run_started.write_text("pruned")).start()
    Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGUSR2)).start()
    work(run)
    assert submitit == [] and run.stop_request.read_text() == "pruned"


def test_sigterm_stops_the_run_and_leaves_the_rest_to_the_queue(run, job, submitit):
    job(WAIT_FOR_STOP)
    signal_soon(run, signal.SIGTERM)
    assert work(run) == 143
    assert submitit == []
    assert read_json(node.note_file(run))["exit_code"] == 143


def test_handlers_are_put_back(run, job, submitit):
    before = signal.getsignal(signal.SIGUSR2)
    job("")
    work(run)
    assert signal.getsignal(signal.SIGUSR2) is before
    assert signal.SIGUSR2 not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
