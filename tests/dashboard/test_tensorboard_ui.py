"""Event files of runs that have none: whole, and of a resumed run too."""

import shutil
import threading

import pytest

from gpt_exp.dashboard.tensorboard_ui import COPIED, COPIES, EventCopies


def steps_of(outputs, id="name/time"):
    """Of the training losses in a copy."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    def load(path):
        return [event for event in LegacyEventFileLoader(path).Load() if event.summary.value]

    files = sorted(
        (outputs / COPIES / id).glob("events.out.tfevents.*"), key=lambda file: file.stat().st_mtime
    )
    events = [event for file in files for event in load(str(file))]
    return [event.step for event in events if event.summary.value[0].tag == "train/loss"]


@pytest.fixture
def copies(outputs):
    return EventCopies(outputs)


def test_a_run_that_ended_is_copied_once(copies, outputs, make_run):
    make_run("name/time")
    copies.copy()
    files = {file: file.stat().st_mtime_ns for file in (outputs / COPIES).rglob("*")}
    EventCopies(outputs).copy()
    assert files == {file: file.stat().st_mtime_ns for file in (outputs / COPIES).rglob("*")}
    assert steps_of(outputs) == [10, 20, 30, 40]


@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_is_resumed_after_it_was_copied_goes_on(copies, outputs, make_run, log_step, again):
    """Also by another dashboard than the one that copied its beginning."""
    folder = make_run("name/time", "stopped")
    copies.copy()
    if again:
        copies = EventCopies(outputs)
        copies.copy()
    folder.set_status("running")
    with folder.lock():
        log_step(folder, 50)
        copies.copy()
        log_step(folder, 60)
        copies.copy()
    copies.copy()
    assert steps_of(outputs) == [10, 20, 30, 40, 50, 60]


def test_a_copy_that_was_not_finished_is_made_anew(copies, outputs, make_run):
    make_run("name/time")
    copies.copy()
    place = outputs / COPIES / "name/time"
    (events,) = place.glob("events*")
    events.write_bytes(events.read_bytes()[:200])
    (place / COPIED).unlink()
    EventCopies(outputs).copy()
    assert steps_of(outputs) == [10, 20, 30, 40]


def test_runs_that_ended_hold_no_threads(copies, make_run):
    before = threading.active_count()
    for number in range(20):
        make_run(f"name/{number}", step=10)
    running = make_run("name/running", "running", step=10)
    with running.lock():
        copies.copy()
        assert threading.active_count() <= before + 1
    copies.copy()
    assert threading.active_count() <= before


def test_a_run_that_was_made_again_is_copied_anew(copies, outputs, make_run):
    folder = make_run("name/time")
    copies.copy()
    shutil.rmtree(folder.path)
    make_run("name/time", step=20, lowest=1.0)
    copies.copy()
    assert steps_of(outputs) == [10, 20]
