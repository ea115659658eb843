"""Runs of the real configs on a tiny real text or on real pairs, made as the commands make them."""

import logging
import random
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

ASSETS = Path(__file__).parent / "assets"
TINY = [
    "data=text",
    f"data.paths=[{ASSETS / 'public_domain.txt'}]",
    "tokenizer=byte",
    "split={val_fraction: 0.1, test_fraction: 0.1, by: tail}",
    "model.num_layers=2",
    "model.num_heads=2",
    "model.embedding_dim=32",
    "model.context_length=32",
    "batch_size=4",
    "callback.samples.max_new_tokens=4",
    "trainer.precision=32-true",
    "trainer.max_steps=20",
    "trainer.val_check_interval=10",
    "trainer.log_every_n_steps=1",
]
# Real strings of user interfaces and their translations, a pair a line.
PAIRS = [
    "tokenizer=byte",
    "model.num_layers=2",
    "model.num_heads=2",
    "model.embedding_dim=32",
    "batch_size=8",
    "trainer.precision=32-true",
    "trainer.max_steps=20",
    "trainer.val_check_interval=10",
    "trainer.log_every_n_steps=1",
    "split={val_fraction: 0.2, test_fraction: 0.1, by: auto}",
    "callback.checkpoint.every_n_steps=10",
    "module=fine_tuning",
    "task=translation",
    "data=tsv",
    f"data.train={ASSETS / 'pairs.tsv'}",
    "model.context_length=128",
    "task.max_new_tokens=12",
    "module.num_predicted=4",
]


def create(outputs: Path, name: str, overrides: list[str]):
    """The run folder that `gpt-exp train` makes."""
    from gpt_exp.config.compose import compose
    from gpt_exp.run.folder import RunFolder

    given = [*overrides, f"paths.outputs={outputs}", f"paths.run={outputs / name}"]
    return RunFolder.create(outputs / name, compose("train", given), given)


def trained(folder):
    """A run folder after its job, which is done in this process."""
    from gpt_exp import job

    assert job.run(folder) == 0
    return folder


def save_weights(folder, step: int, model) -> None:
    """A checkpoint of a run as training leaves it, for all that opens a run."""
    from gpt_exp.run.checkpoint_io import RunCheckpointIO

    weights = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    RunCheckpointIO().save_checkpoint({"state_dict": weights}, folder.checkpoint(step))


def with_steps(folder, steps: tuple[int, ...]):
    """A run folder with other weights at each of these steps."""
    from gpt_exp.experiment.model import make_model
    from gpt_exp.experiment.parts import make
    from gpt_exp.tokenizer.byte import byte

    config = folder.config()
    byte().save(folder.tokenizer)
    for step in steps:
        model = make_model(config, byte(), make(config.task))
        save_weights(folder, step, moved(model, seed=step + len(config.paths.run)))
    return folder


def moved(model, *, seed: int):
    """Away from where the weights were drawn."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@contextmanager
def process_state_kept():
    """A job sets up its process's log, signals and generators; put them back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(False)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], root.level = handlers, level
    for number, handler in signals.items():
        signal.signal(number, handler)
    random.setstate(generators[0])
    np.random.set_state(generators[1])
    torch.set_rng_state(generators[2])
