import os

from omegaconf import OmegaConf

from gpt_exp.run.find import find_run, finished_runs
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.identity import identity

CONFIG = OmegaConf.create({"name": "demo", "seed": 1, "batch_size": 8})


def changed(key):
    return OmegaConf.merge(CONFIG, {key: 2})


def test_the_newest_run_of_the_same_identity_is_found(tmp_path):
    for second, (name, config) in enumerate(
        [("demo/1", CONFIG), ("demo/2", changed("name")), ("other/3", changed("seed"))]
    ):
        folder = RunFolder.create(tmp_path / name, config, [])
        os.utime(folder.config_file, (second, second))
    assert find_run(tmp_path, CONFIG) == tmp_path / "demo/2"
    assert find_run(tmp_path, changed("seed")) == tmp_path / "other/3"
    assert find_run(tmp_path, changed("batch_size")) is None
    assert find_run(tmp_path / "nowhere", CONFIG) is None


def test_only_finished_runs_count_as_done(tmp_path):
    done = RunFolder.create(tmp_path / "demo/1", CONFIG, [])
    done.set_status("finished")
    RunFolder.create(tmp_path / "sweeps/demo/now/0000", changed("seed"), []).set_status("failed")
    wanted = {identity(CONFIG), identity(changed("seed"))}
    assert finished_runs(tmp_path, wanted) == {identity(CONFIG): done.path}


def test_jobs_of_sweeps_are_runs_too(tmp_path):
    job = RunFolder.create(tmp_path / "sweeps/demo/now/0000", CONFIG, [])
    assert find_run(tmp_path, CONFIG) == job.path
