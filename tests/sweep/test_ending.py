"""Every way in which a job can end has a word and a line."""

import pytest

from gpt_exp.sweep.ending import ending

RUNNING = {"state": "running"}


def test_a_run_that_says_it_is_finished_is():
    assert ending(0, {"state": "finished"}, "") == ("finished", None, False)


def test_a_run_that_finished_while_it_was_told_to_stop_is_finished():
    assert ending(143, {"state": "finished"}, "", "timed out after 5 min").state == "finished"


def test_sys_exit_0_in_the_middle_is_no_success():
    ended = ending(0, RUNNING, "")
    assert ended.state == "failed"
    assert "before it was finished" in ended.reason


@pytest.mark.parametrize("code", [143, 130, 138])
def test_a_run_that_saved_and_stopped_is_stopped(code):
    assert ending(code, {"state": "stopped", "reason": "SIGTERM"}, "").state == "stopped"


def test_a_signal_before_anything_was_saved_is_a_failure():
    assert ending(-15, RUNNING, "").reason == "killed by SIGTERM"


def test_a_job_that_was_interrupted_with_its_sweep_has_not_failed():
    assert ending(-15, RUNNING, "", was_interrupted=True).state == "stopped"
    assert ending(-9, {}, "", was_interrupted=True).state == "stopped"
    assert ending(1, {}, "", "timed out after 5 min").state == "failed"


def test_sigkill_is_told_with_its_likely_causes():
    assert "SIGKILL (by somebody, or by the system when memory ran out)" in ending(-9, RUNNING, "").reason


def test_what_we_ended_it_for_comes_first():
    ended = ending(-9, {"state": "stopped"}, "Error: x", "hung: not a line in 30 min (sweep.silence)")
    assert ended == ("failed", "hung: not a line in 30 min (sweep.silence)", False)


@pytest.mark.parametrize(
    "reason",
    [
        "RuntimeError: [enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "MemoryError: ",
    ],
)
def test_memory_errors_are_told_apart(reason):
    assert ending(1, {"state": "failed", "reason": reason}, "").out_of_memory
    assert not ending(1, {"state": "failed", "reason": "ValueError: no"}, "").out_of_memory


def test_our_own_memory_limit_is_one_of_them():
    assert ending(-9, RUNNING, "", "out of memory: 3 GB of 2 GB (sweep.memory)").out_of_memory


def test_the_last_words_of_a_process_are_its_reason():
    console = "step 1\nTraceback (most recent call last):\n  File x\nmy.module.OddError: it broke\n\nbye\n"
    assert ending(3, RUNNING, console).reason == "exit code 3: my.module.OddError: it broke"
    assert ending(2, RUNNING, "error: no such key\n").reason == "exit code 2: no such key"


def test_a_reason_is_one_line():
    reason = ending(1, {"state": "failed", "reason": "ValueError: a\nb\n" + "c" * 1000}, "").reason
    assert reason.startswith("ValueError: a b ccc")
    assert len(reason) == 300


def test_a_status_of_an_earlier_attempt_is_not_believed_of_a_killed_one():
    assert ending(-9, {"state": "failed", "reason": "ValueError: old"}, "").reason.startswith(
        "killed by SIGKILL"
    )
