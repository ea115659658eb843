"""Processes that misbehave in every way, ended and told apart; real ones, though not of training."""

import os
import signal
import sys
import textwrap
import time

import psutil
import pytest

from gpt_exp.run import stop_request
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.machine import process
from gpt_exp.sweep.machine.process import Limits, Process

SECOND = 1 / 60  # In minutes.


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(process, "GRACE_SECONDS", 1.0)
    started = []

    def begin(script, **limits):
        command = [sys.executable, "-c", textwrap.dedent(script)]
        started.append(Process(RunFolder(tmp_path), {}, Limits(**limits), command=command))
        return started[-1]

    yield begin
    for each in started:
        each.stop()
        each.stop()
        wait(each)


def wait(work, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (ended := work.poll()) is not None:
            return ended
        time.sleep(0.02)
    raise AssertionError("it did not end")


def test_what_it_prints_is_in_its_console_log(start, tmp_path):
    wait(start("import sys; print('out'); print('err', file=sys.stderr)"))
    assert (tmp_path / "console.log").read_text() == "out\nerr\n"


def test_only_this_attempts_words_count(start, tmp_path):
    (tmp_path / "console.log").write_text("ValueError: of yesterday\n")
    assert wait(start("raise SystemExit(3)")).reason == "exit code 3"


def test_a_job_that_takes_too_long_is_ended(start):
    ended = wait(start("import time; time.sleep(60)", timeout=0.5 * SECOND))
    assert (ended.state, ended.reason) == ("failed", f"timed out after {0.5 * SECOND:g} min (sweep.timeout)")


def test_a_job_that_ignores_sigterm_is_killed(start):
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert "timed out" in wait(start(script, timeout=0.5 * SECOND)).reason


def test_silence_counts_from_the_last_line(start):
    script = """
        import time
        for _ in range(4):
            time.sleep(0.5)
            print("still here", flush=True)
        time.sleep(60)
    """
    work = start(script, silence=1.5 * SECOND)
    assert wait(work).reason.startswith("hung: not a line")
    assert work.folder.console.read_text().count("still here") == 4


def test_memory_is_that_of_all_its_processes(start):
    script = """
        import subprocess, sys
        hold = "import time; held = bytes(range(256)) * 1_000_000; time.sleep(60)"
        subprocess.run([sys.executable, "-c", hold])
    """
    ended = wait(start(script, memory=0.2))
    assert ended.out_of_memory
    assert "of 0.2 GB (sweep.memory)" in ended.reason


def test_what_a_job_leaves_running_is_ended_with_it(start, tmp_path):
    script = f"""
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    """
    assert wait(start(script)).reason.startswith("killed by SIGKILL")
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_job_does_not_get_the_terminals_ctrl_c(start):
    work = start("import os; print(os.getpgid(0) == os.getpid())")
    wait(work)
    assert work.folder.console.read_text() == "True\n"
    assert os.getpgid(0) != work._process.pid


def test_the_first_wish_to_stop_leaves_a_jobs_own_workers_alone(start, tmp_path):
    """They bring the batches of the step that is under way; the job's end is theirs."""
    script = """
        import os, signal, sys, time
        worker = os.fork()
        if worker == 0:
            time.sleep(60)
        def stop(*_):
            time.sleep(0.3)
            print("worker", os.waitpid(worker, os.WNOHANG), flush=True)
            sys.exit(143)
        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        time.sleep(60)
    """
    work = start(script)
    while "ready" not in (tmp_path / "console.log").read_text():
        time.sleep(0.02)
    work.stop()
    wait(work)
    assert "worker (0, 0)" in (tmp_path / "console.log").read_text()


def test_a_job_is_told_why_it_fails(start, tmp_path):
    """So that its trackers end as the sweep sees it."""
    wait(start("import time; time.sleep(60)", timeout=0.5 * SECOND))
    request = stop_request.asked(RunFolder(tmp_path))
    assert (request.state, request.reason.split()[0]) == ("failed", "timed")
