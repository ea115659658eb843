"""Checkpoints are plain data, come back bit for bit, and a refusing disk leaves the older ones whole."""

import enum
import errno
import resource
import signal
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gpt_exp.errors import UserError
from gpt_exp.run import checkpoint_io, durable
from gpt_exp.run.checkpoint_io import RunCheckpointIO, load_weights, plain


class Kind(enum.StrEnum):
    A = "a"


def checkpoint(scale: float = 1.0, size: int = 64) -> dict:
    embedding = torch.arange(size, dtype=torch.float32).reshape(-1, 4) * scale
    return {
        "epoch": 0,
        "global_step": 7,
        "state_dict": {
            "model.embedding": embedding,
            "model.head": embedding,  # Tied.
            "model.row": embedding[1],  # A view.
            "model.half": torch.ones(3, dtype=torch.bfloat16),
            "validation.total": torch.tensor(3.0),
        },
        "optimizer_states": [
            {
                "state": {0: {"step": torch.tensor(7.0), "exp_avg": embedding * 2}},
                "param_groups": [{"lr": 1e-3}],
            }
        ],
        "callbacks": {"best": np.float64(1.5), "where": Path("a/b"), "kind": Kind.A, "pair": (1, None)},
        "lr_schedulers": [defaultdict(list, a=[1]), OrderedDict(b={True})],
    }


def test_it_comes_back_bit_for_bit(tmp_path):
    RunCheckpointIO().save_checkpoint(checkpoint(), tmp_path / "step-1")
    loaded = RunCheckpointIO().load_checkpoint(tmp_path / "step-1")
    weights = checkpoint()["state_dict"]
    assert loaded["state_dict"].keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(loaded["state_dict"][name], tensor)
        assert loaded["state_dict"][name].dtype == tensor.dtype
    assert loaded["global_step"] == 7
    assert loaded["callbacks"] == {"best": 1.5, "where": "a/b", "kind": "a", "pair": (1, None)}
    assert loaded["lr_schedulers"] == [{"a": [1]}, {"b": {True}}]
    assert torch.equal(loaded["optimizer_states"][0]["state"][0]["exp_avg"], weights["model.head"] * 2)


def test_it_opens_without_unpickling_anything(tmp_path):
    RunCheckpointIO().save_checkpoint(checkpoint(), tmp_path / "step-1")
    assert sorted(path.name for path in (tmp_path / "step-1").iterdir()) == [
        "manifest.json",
        "model.safetensors",
        "state.pt",
    ]
    state = torch.load(tmp_path / "step-1" / "state.pt", weights_only=True)
    assert "state_dict" not in state and list(state["other_state_dict"]) == ["validation.total"]
    assert load_weights(tmp_path / "step-1").keys() == {"embedding", "head", "row", "half"}


def test_a_view_and_a_tie_take_no_space_twice(tmp_path):
    RunCheckpointIO().save_checkpoint(checkpoint(size=40_000), tmp_path / "step-1")
    assert (tmp_path / "step-1" / "model.safetensors").stat().st_size < 40_000 * 4 + 2_000
    assert plain(torch.zeros(1000)[:2]).untyped_storage().nbytes() == 8


def test_a_model_takes_its_weights(tmp_path):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    RunCheckpointIO().save_checkpoint({"state_dict": state}, tmp_path / "step-1")
    other.load_state_dict(load_weights(tmp_path / "step-1"))
    assert torch.equal(model.weight, other.weight)


def test_what_is_not_plain_is_named():
    with pytest.raises(TypeError, match=r"checkpoint\.callbacks\.0 is a function"):
        plain({"callbacks": [lambda: 1]})


def test_the_same_step_is_replaced(tmp_path):
    RunCheckpointIO().save_checkpoint(checkpoint(1), tmp_path / "step-1")
    RunCheckpointIO().save_checkpoint(checkpoint(2), tmp_path / "step-1")
    assert load_weights(tmp_path / "step-1")["row"][0] == 8


def test_a_damaged_one_is_not_loaded(tmp_path):
    RunCheckpointIO().save_checkpoint(checkpoint(), tmp_path / "step-1")
    with (tmp_path / "step-1" / "state.pt").open("r+b") as file:
        file.seek(100)
        file.write(b"\0\0\0\0")
    with pytest.raises(UserError, match=r"damaged: .*state\.pt does not match its sha256"):
        RunCheckpointIO().load_checkpoint(tmp_path / "step-1")


def test_removing_leaves_nothing_even_after_a_crash_within(tmp_path, monkeypatch):
    io = RunCheckpointIO()
    for step in (1, 2):
        io.save_checkpoint(checkpoint(), tmp_path / f"step-{step}")
    with monkeypatch.context() as crashing:
        crashing.setattr(checkpoint_io.shutil, "rmtree", lambda *args, **kwargs: None)
        io.remove_checkpoint(tmp_path / "step-1")
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-2"]
    io.remove_checkpoint(tmp_path / "step-2")
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_io.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match="1,000 free") as caught:
        RunCheckpointIO().save_checkpoint(checkpoint(), tmp_path / "checkpoints" / "step-1")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [1_000, 100_000, 165_000, 300_000])
def test_a_write_that_the_system_refuses_leaves_the_older_checkpoint_whole(limit, tmp_path):
    io = RunCheckpointIO()
    io.save_checkpoint(checkpoint(1, size=40_000), tmp_path / "step-1")
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        with pytest.raises(OSError):
            io.save_checkpoint(checkpoint(2, size=80_000), tmp_path / "step-2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]
    assert durable.damage(tmp_path / "step-1") is None
    io.save_checkpoint(checkpoint(2, size=80_000), tmp_path / "step-2")
    assert durable.damage(tmp_path / "step-2") is None
