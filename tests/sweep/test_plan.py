"""Which folder a command goes on in, and what is left to do there."""

import json
import shlex
from functools import partial

import pytest

from gpt_exp.config.jobs import composed
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import identity
from gpt_exp.sweep import plan
from gpt_exp.sweep.folder import Attempt
from gpt_exp.sweep.settings import settings_of
from gpt_exp.sweep.space.space import corners, grid, read_space


@pytest.fixture
def commanded(tmp_path):
    """`gpt-exp train -m` with these overrides, as far as its plan: its folder and its jobs."""

    def command(*texts):
        texts = ["debug=fast", f"paths.outputs={tmp_path}", *texts]
        space = read_space(texts)

        def compose(job):
            return composed("train", tuple(job), None, "train")

        settings = settings_of(compose([*space.fixed, *corners(space, 1)[0]]).config)
        return plan.Command(["-m", *texts], space, settings, compose)

    return command


@pytest.fixture
def planned(commanded, tmp_path):
    def make(*texts):
        command = commanded(*texts)
        folder = plan.open_folder(command, tmp_path, "demo")
        jobs, _ = plan.planned(folder, command, grid(command.space), tmp_path)
        plan.save_asked(folder, command)
        folder.save_jobs(jobs)
        return folder, jobs, command

    return make


def finish(folder, jobs, command):
    for job in jobs:
        run = plan.make_run(folder, job, command)
        run.set_status("finished")
        job.state = "finished"
    folder.save_jobs(jobs)


def test_the_same_command_goes_on_in_its_folder(planned):
    first, _, _ = planned("seed=1,2")
    second, _, _ = planned("seed=1,2")
    assert second.path == first.path


@pytest.mark.parametrize("more", ["logger=none", "sweep.slots=2", "num_workers=1", "sweep.retry_failed=true"])
def test_another_way_of_carrying_out_is_the_same_sweep(planned, more):
    assert planned("seed=1,2")[0].path == planned("seed=1,2", more)[0].path


@pytest.mark.parametrize("other", ["optimizer.lr=0.1", "optimizer=muon"])
def test_another_setting_is_another_sweep(planned, other):
    assert planned("seed=1,2")[0].path != planned("seed=1,2", other)[0].path


def test_a_new_one_can_be_asked_for(planned):
    assert planned("seed=1,2")[0].path != planned("seed=1,2", "sweep.new=true")[0].path


def test_a_folder_can_be_named_and_holds_one_sweep(planned, tmp_path):
    folder, _, _ = planned("seed=1,2", f"sweep.folder={tmp_path / 'mine'}")
    assert folder.path == tmp_path / "mine"
    assert planned("seed=1,2,3", f"sweep.folder={tmp_path / 'mine'}")[0].jobs()[2].overrides == ["seed=3"]
    with pytest.raises(UserError, match="holds another sweep"):
        planned("batch_size=8,16", f"sweep.folder={tmp_path / 'mine'}")


def test_an_extended_grid_has_only_its_new_jobs_to_do(planned):
    folder, jobs, command = planned("seed=1,2")
    finish(folder, jobs, command)
    again, jobs, _ = planned("seed=1,2,3")
    assert again.path == folder.path
    assert [(job.overrides, job.state) for job in jobs] == [
        (["seed=1"], "finished"),
        (["seed=2"], "finished"),
        (["seed=3"], "waiting"),
    ]


def test_jobs_that_are_the_same_are_one(planned):
    _, jobs, _ = planned("optimizer.lr=0.001,1e-3,0.002")
    assert [job.overrides for job in jobs] == [["optimizer.lr=0.001"], ["optimizer.lr=0.002"]]


def test_a_job_that_another_sweep_has_finished_stands_for_it(planned):
    folder, jobs, command = planned("seed=1,2")
    finish(folder, jobs, command)
    wider, jobs, _ = planned("seed=1,2", "batch_size=32,64")
    assert wider.path != folder.path
    assert [job.state for job in jobs] == ["finished", "waiting", "finished", "waiting"]
    assert wider.run(jobs[0]).path == folder.path / "0000"


def test_reuse_can_be_refused(planned):
    finish(*planned("seed=1,2"))
    _, jobs, _ = planned("seed=1,2", "batch_size=32,64", "sweep.reuse=false")
    assert {job.state for job in jobs} == {"waiting"}


def test_a_run_folder_holds_the_jobs_own_config_and_no_word_of_the_sweeps(planned):
    folder, jobs, command = planned("seed=1,2", "sweep.slots=2")
    run = plan.make_run(folder, jobs[1], command)
    config = run.config()
    assert (config.seed, config.paths.run, config.sweep.group) == (2, str(run.path), folder.name)
    assert identity(config) == jobs[1].identity
    assert "seed=2" in run.overrides.read_text()
    assert "sweep" not in run.overrides.read_text()
    assert str(run.path) in config.logger.csv.save_dir


def test_what_a_killed_manager_left_is_read_from_the_run_folders(planned):
    folder, jobs, command = planned("seed=1,2,3,4,5")
    for job, state in zip(jobs, ("finished", "failed", "running", "stopped", None), strict=True):
        run = plan.make_run(folder, job, command)
        if state is not None:
            run.set_status(state, reason="because" if state == "failed" else None)
            job.state = "running"
    plan.take_up(folder, jobs, retry_failed=False)
    assert [job.state for job in jobs] == ["finished", "failed", "waiting", "waiting", "waiting"]
    assert jobs[1].reason == "because"
    plan.take_up(folder, jobs, retry_failed=True)
    assert [job.state for job in jobs] == ["finished", "waiting", "waiting", "waiting", "waiting"]


def test_pruned_jobs_stay_pruned(planned):
    folder, jobs, _ = planned("seed=1,2")
    jobs[0].state = "pruned"
    plan.take_up(folder, jobs, retry_failed=True)
    assert jobs[0].state == "pruned"


def test_the_asked_command_can_be_given_again(planned):
    folder, _, command = planned("seed=1,2")
    asked = json.loads(folder.asked_file.read_text())
    assert asked["arguments"] == command.arguments
    folder, _, _ = planned("seed=1,2", "sweep.retry_failed=true", f"sweep.folder={folder.path}")
    assert folder.asked() == asked  # What was said for once is not said again by `sweep resume`.
    assert folder.objectives()[0].metric == "val/loss"


def test_two_sweeps_of_one_second_have_two_folders(commanded, tmp_path):
    open_folder = partial(plan.open_folder, outputs=tmp_path, name="demo")
    folders = {open_folder(commanded("seed=1,2", "sweep.new=true")).path for _ in range(3)}
    assert len(folders) == 3
    assert all(RunFolder(path).path.parent == tmp_path / "sweeps/demo" for path in folders)


def test_a_shorter_list_leaves_the_other_jobs_alone(planned, tmp_path):
    folder, _, command = planned("seed=1,2,3")
    short = command._replace(space=read_space([*command.space.fixed, "seed=1,2"]))
    jobs, wanted = plan.planned(folder, short, grid(short.space), tmp_path)
    assert [job.number for job in jobs] == [0, 1, 2]
    assert [job.number for job in wanted] == [0, 1]


@pytest.mark.parametrize(
    "swept",
    ["compile=true,false", "num_workers=0,1", "trainer.accumulate_grad_batches=1,2", "logger=csv,none"],
)
def test_a_way_of_carrying_out_can_be_swept(planned, swept):
    folder, jobs, command = planned(swept)
    assert len({job.identity for job in jobs}) == 2
    finish(folder, jobs, command)
    again, jobs, _ = planned(swept)
    assert again.path == folder.path
    assert {job.state for job in jobs} == {"finished"}


def test_jobs_that_have_not_begun_follow_a_change_of_their_options(planned, tmp_path):
    folder, _, command = planned("seed=1,2")

    def compose_otherwise(job):
        return command.compose([*job, "optimizer.weight_decay=0.2"])

    changed = command._replace(compose=compose_otherwise)
    jobs, wanted = plan.planned(folder, changed, grid(command.space), tmp_path)
    assert len(jobs) == len(wanted) == 2
    for job in jobs:
        assert plan.make_run(folder, job, changed).identity.read_text().strip() == job.identity


def test_a_run_goes_on_with_todays_way_of_carrying_out_and_keeps_a_halved_micro_batch(planned):
    folder, jobs, command = planned("seed=1,2")
    for job in jobs:
        plan.make_run(folder, job, command)
    jobs[1].note = "half the micro-batch"
    halved = folder.run(jobs[1]).config()
    halved.trainer.accumulate_grad_batches = 8
    folder.run(jobs[1]).save_config(halved)
    _, _, today = planned("seed=1,2", "trainer.accumulate_grad_batches=4", "num_workers=1")
    configs = [plan.make_run(folder, job, today).config() for job in jobs]
    assert [config.trainer.accumulate_grad_batches for config in configs] == [4, 8]
    assert [config.num_workers for config in configs] == [1, 1]


def test_a_search_for_something_else_is_another_search(planned):
    search = ("sweep=random", "optimizer.lr=0.1,0.2")
    first, _, _ = planned(*search)
    assert planned(*search)[0].path == first.path
    assert planned(*search, "sweep.metric=test/loss")[0].path != first.path


def test_a_search_whose_config_was_refused_is_not_tried_again(planned):
    folder, jobs, _ = planned("seed=1,2")
    jobs[0].state, jobs[0].identity = "failed", ""
    jobs[1].state = "failed"
    plan.take_up(folder, jobs, retry_failed=True)
    assert [job.state for job in jobs] == ["failed", "waiting"]


def test_the_command_can_be_pasted_into_a_shell(planned, tmp_path):
    asked = [f"paths.cache='{tmp_path / 'it is'}'", "seed=1,2", "optimizer.lr=choice(0.1,0.2)"]
    folder, _, command = planned(*asked)
    told = folder.asked()["command"]
    assert shlex.split(told) == ["gpt-exp", "train", *command.arguments]
    assert """'"'"'""" not in told


def test_a_job_that_ran_out_of_memory_while_its_manager_died_is_tried_once_more(planned):
    folder, jobs, command = planned("seed=1,2")
    for job in jobs:
        plan.make_run(folder, job, command).set_status("failed", reason="out of memory: 3 GB of 2.5 GB")
        job.state = "running"
    jobs[1].attempts = [Attempt(started=0.0), Attempt(started=1.0, note="half the micro-batch")]
    plan.take_up(folder, jobs, retry_failed=False, retry_out_of_memory=True)
    assert [job.state for job in jobs] == ["waiting", "failed"]
    assert folder.run(jobs[0]).config().trainer.accumulate_grad_batches == 2
    assert jobs[0].was_halved
