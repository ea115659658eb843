"""Two processes over gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder, step_of


@pytest.mark.slow
def test_a_sharded_run_goes_on_exactly(tmp_path):
    script = Path(__file__).with_name("fsdp2_script.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, script, tmp_path], check=True, env=environment, timeout=200, capture_output=True
    )
    whole, broken = (RunFolder(tmp_path / name).newest_whole_checkpoint() for name in ("whole", "broken"))
    assert step_of(whole) == step_of(broken) == 6
    weights, others = load_weights(whole), load_weights(broken)
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == {
        "0.weight": (7, 6),
        "0.bias": (7,),
        "2.weight": (6, 7),
        "2.bias": (6,),
    }
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    states = [
        torch.load(path / "state.pt", weights_only=True)["optimizer_states"] for path in (whole, broken)
    ]
    assert str(states[0][0]["state"]) == str(states[1][0]["state"])
