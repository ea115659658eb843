"""The loop over jobs, with works that end when the test says so."""

import os
import signal

import pytest
from omegaconf import OmegaConf

from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep import manager as manager_module
from gpt_exp.sweep.ending import Ending
from gpt_exp.sweep.folder import Job, SweepFolder
from gpt_exp.sweep.guide import InOrder
from gpt_exp.sweep.manager import Manager
from gpt_exp.sweep.micro_batch import halve_micro_batch

CONFIG = {"batch_size": 8, "trainer": {"devices": 1, "num_nodes": 1, "accumulate_grad_batches": 1}}


class Work:
    """Ends as the script says, after so many looks."""

    def __init__(self, ended, looks=1):
        self.ended, self.looks, self.stops = ended, looks, 0

    def poll(self):
        self.looks -= 1
        if self.stops:
            return Ending("stopped", "SIGTERM")
        return self.ended if self.looks <= 0 else None

    def stop(self, cause=None):
        self.stops += 1


class Place:
    """Room for two; every job's works from a list."""

    num_slots, outlives_sweep = 2, False

    def __init__(self, works):
        self.works, self.started, self.most = works, [], 0

    def has_room(self):
        return True

    def start(self, job, run):
        under_way = [work for _, work in self.started if work.looks > 0 and not work.stops]
        if len(under_way) == self.num_slots:
            return None
        work = self.works[job.number].pop(0)
        self.started.append((job.number, work))
        self.most = max(self.most, len(under_way) + 1)
        return work


class Silent:
    def started(self, job): ...

    def ended(self, job): ...

    def update(self, jobs, runs): ...


class PrunesOne(InOrder):
    def verdict(self, job, run):
        return "worse than the median" if job.number == 1 else None


@pytest.fixture
def manage(tmp_path, monkeypatch):
    monkeypatch.setattr(manager_module, "POLL_SECONDS", 0)
    folder = SweepFolder(tmp_path)

    def carry_out(works, guide=InOrder, refuse=(), **settings):
        def make_run(job):
            if job.number in refuse:
                raise UserError(refuse[job.number])
            run = folder.run(job)
            return run if run.config_file.exists() else RunFolder.create(run.path, CONFIG, [])

        jobs = [Job(number, str(number), [f"seed={number}"], f"{number:04d}") for number in range(len(works))]
        place = Place(works)
        manager = Manager(
            folder, jobs, make_run=make_run, guide=guide(jobs), place=place, display=Silent(), **settings
        )
        manager.run()
        return manager, place

    return carry_out


def test_a_failing_job_takes_no_other_along(manage):
    works = [[Work(Ending("finished"))], [Work(Ending("failed", "it broke"))], [Work(Ending("finished"), 5)]]
    manager, _ = manage(works)
    assert [job.state for job in manager.jobs] == ["finished", "failed", "finished"]
    assert manager.folder.run(manager.jobs[1]).status()["reason"] == "it broke"


def test_a_slot_is_refilled_while_a_slow_job_goes_on(manage):
    works = [[Work(Ending("finished"), 50)], *([Work(Ending("finished"), 2)] for _ in range(5))]
    manager, place = manage(works)
    assert place.most == 2
    ended = [job.attempts[0].ended for job in manager.jobs]
    assert max(ended[1:]) < ended[0]


def test_the_manifest_always_says_what_is(manage):
    works = [[Work(Ending("finished"))], [Work(Ending("failed", "it broke"))]]
    manager, _ = manage(works)
    assert manager.folder.jobs() == manager.jobs


def test_memory_errors_are_tried_once_more_with_half_the_micro_batch(manage):
    short = Ending("failed", "out of memory", out_of_memory=True)
    manager, _ = manage([[Work(short), Work(Ending("finished"))]])
    (job,) = manager.jobs
    assert job.state == "finished"
    assert job.attempts[1].note == "half the micro-batch: trainer.accumulate_grad_batches=2"
    config = manager.folder.run(job).config()
    assert (config.batch_size, config.trainer.accumulate_grad_batches) == (8, 2)


def test_a_second_memory_error_is_a_failure(manage):
    short = Ending("failed", "out of memory", out_of_memory=True)
    manager, _ = manage([[Work(short), Work(short)]])
    assert manager.jobs[0].state == "failed"
    assert len(manager.jobs[0].attempts) == 2


def test_memory_errors_stay_where_no_retry_is_wanted(manage):
    short = Ending("failed", "out of memory", out_of_memory=True)
    manager, _ = manage([[Work(short)]], retry_out_of_memory=False)
    assert len(manager.jobs[0].attempts) == 1


def test_a_micro_batch_of_one_cannot_be_halved(tmp_path):
    config = OmegaConf.merge(CONFIG, {"trainer": {"accumulate_grad_batches": 8}})
    assert halve_micro_batch(Job(0, "", [], "0000"), RunFolder.create(tmp_path, config, [])) is None


def test_the_smallest_batch_of_a_growing_one_must_still_have_parts(tmp_path):
    growth = {"growth": {"batch_size": [[0, 1], [5, 8]]}}
    config = OmegaConf.merge(CONFIG, {"batch_size": 8}, growth)
    assert halve_micro_batch(Job(0, "", [], "0000"), RunFolder.create(tmp_path, config, [])) is None
    growth["growth"]["batch_size"][0] = [0, 2]
    config = OmegaConf.merge(CONFIG, {"batch_size": 8}, growth)
    assert halve_micro_batch(Job(0, "", [], "0000"), RunFolder.create(tmp_path / "other", config, []))


def test_a_pruned_job_is_asked_to_stop_and_is_no_failure(manage):
    stops = [Work(Ending("finished"), 3)], [Work(Ending("stopped", "worse"), 3)]
    manager, _ = manage(list(stops), guide=PrunesOne)
    assert [job.state for job in manager.jobs] == ["finished", "pruned"]
    run = manager.folder.run(manager.jobs[1])
    assert run.stop_request.read_text() == "pruned: worse than the median"
    assert run.status()["state"] == "pruned"


def test_ctrl_c_lets_every_job_save_and_starts_no_other(manage):
    class Interrupts(Work):
        def poll(self):
            if self.stops == 0:
                os.kill(os.getpid(), signal.SIGINT)
            return super().poll()

    manager, place = manage([[Interrupts(None, 1000)], [Work(None, 1000)], [Work(Ending("finished"))]])
    assert manager.stopped
    assert [job.state for job in manager.jobs] == ["stopped", "stopped", "waiting"]
    assert len(place.started) == 2


def test_an_error_in_the_loop_lets_every_job_save_first(manage):
    works = [Work(Ending("finished"), 1000), Work(Ending("finished"), 1000)]

    class Breaks(InOrder):
        def verdict(self, job, run):
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        manage([[work] for work in works], guide=Breaks)
    assert [work.stops for work in works] == [1, 1]
    assert [work.looks < 1000 for work in works] == [True, True]  # They were waited for.


def test_a_job_that_is_refused_fails_alone(manage):
    works = [[Work(Ending("finished"))], [Work(Ending("finished"))]]
    manager, _ = manage(works, refuse={0: "batch_size: it can't be cut"})
    assert [(job.state, job.reason) for job in manager.jobs] == [
        ("failed", "batch_size: it can't be cut"),
        ("finished", None),
    ]
    assert manager.folder.jobs() == manager.jobs


def test_what_needs_no_run_is_in_the_manifest_too(manage):
    class Finds(InOrder):
        """A search whose only job was done by another sweep."""

        def __init__(self, jobs):
            super().__init__(jobs)
            self.jobs, self.asked = jobs, False

        def next_job(self):
            if not self.asked:
                self.asked = True
                self.jobs.append(Job(0, "x", ["seed=1"], "../other/0000", state="finished"))
            return super().next_job()

    manager, place = manage([], guide=Finds)
    assert place.started == []
    assert [job.state for job in manager.folder.jobs()] == ["finished"]


def test_a_request_to_stop_that_a_job_did_away_with_at_its_start_is_made_again(manage, tmp_path):
    class Begins(Work):
        """As a job whose training begins at its third look from the end."""

        def poll(self):
            if self.looks == 3:
                (tmp_path / "0001/stop").unlink()
            return super().poll()

    works = [[Work(Ending("finished"))], [Begins(Ending("stopped", "worse"), 6)]]
    manage(works, guide=PrunesOne)
    assert (tmp_path / "0001/stop").exists()


def test_how_the_next_attempt_differs_outlives_the_manager(manage):
    class Interrupts(Work):
        def poll(self):
            os.kill(os.getpid(), signal.SIGINT)
            return Ending("failed", "out of memory", out_of_memory=True)

    manager, _ = manage([[Interrupts(None)]])
    (job,) = manager.folder.jobs()
    assert (job.state, job.attempts[0].note) == ("waiting", None)
    assert job.note == "half the micro-batch: trainer.accumulate_grad_batches=2"
    assert job.was_halved
