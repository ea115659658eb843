"""A sweep on a local Ray."""

import json

import pytest

from gpt_exp.sweep.cluster.node import launch_file

pytestmark = pytest.mark.slow


def test_a_grid_is_carried_out_once(sweep):
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    asked = sweep("seed=1,2,3", "hydra/launcher=ray", "trainer.max_steps=10", "trainer.val_check_interval=5")
    asked.run()
    jobs = asked.folder.jobs()
    assert [(job.state, len(job.attempts)) for job in jobs] == [("finished", 1)] * 3
    assert [list(asked.losses(number)) for number in range(3)] == [list(range(1, 11))] * 3
    launches = [json.loads(launch_file(run).read_text()) for run in asked.runs()]
    assert len({launch["name"] for launch in launches}) == 1

    asked.run()
    assert asked.folder.jobs() == jobs
