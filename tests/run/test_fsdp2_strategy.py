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
    whole, *others = (load(tmp_path / name) for name in ("whole", "broken", "stopped"))
    assert {name: tuple(tensor.shape) for name, tensor in whole[0].items()} == {
        "0.weight": (7, 6),
        "0.bias": (7,),
        "2.weight": (6, 7),
        "2.bias": (6,),
    }
    for other in others:
        assert all(torch.equal(whole[0][name], other[0][name]) for name in whole[0])
        assert whole[1] == other[1]


def load(run: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The weights after the last step, and what the optimizer holds."""
    last = RunFolder(run).newest_whole_checkpoint()
    assert step_of(last) == 6
    state = torch.load(last / "state.pt", weights_only=True)
    return load_weights(last), str(state["optimizer_states"][0]["state"])
