"""Run folders as training leaves them, with losses of a known law."""

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from gpt_exp.model import shape
from gpt_exp.run.folder import RunFolder
from gpt_exp.scaling.law import Law
from gpt_exp.sweep.folder import Job, SweepFolder

LAW = Law(E=1.2, A=60.0, B=900.0, alpha=0.38, beta=0.47)
WIDTHS, STEPS = (32, 64, 96), (250, 500, 1000)
TOKENS_PER_STEP = 16 * 128


def noisy(loss, number, spread=0.002):
    return float(loss * np.exp(spread * np.random.default_rng(number).standard_normal()))


def model(width):
    sizes = {"num_layers": 4, "num_heads": 1, "embedding_dim": width, "context_length": 128}
    return {"_target_": "gpt_exp.model.llama.Llama", "vocab_size": 1024, "tied": True, **sizes}


def count(width):
    sizes = {name: value for name, value in model(width).items() if name != "_target_"}
    return shape.llama(**sizes).num_parameters


@pytest.fixture
def new_run(tmp_path):
    """Make a finished run folder; `data` and `config` change what it was trained on, `state` how it ended."""

    def make(path, width, steps, *, loss=None, data=None, config=None, state="finished"):
        folder = RunFolder(tmp_path / path)
        folder.path.mkdir(parents=True)
        num_parameters, num_tokens = count(width), steps * TOKENS_PER_STEP
        if loss is None:
            loss = noisy(LAW.loss(num_parameters, num_tokens), num_parameters + steps)
        trainer = {"max_steps": steps}
        settings = {"model": model(width), "trainer": trainer, "batch_size": 16, "seed": 1, **(config or {})}
        folder.config_file.write_text(OmegaConf.to_yaml(OmegaConf.create(settings)))
        identity = {"format": 1, "source": "s", "tokenizer": "t", "split": {"by": "tail"}, **(data or {})}
        folder.data.write_text(json.dumps(identity))
        folder.set_status(state, step=steps)
        counts = {"num_parameters": num_parameters, "num_tokens_seen": num_tokens}
        folder.results.write_text(json.dumps({"step": steps, **counts, "val": {"loss": loss}}))
        return folder

    return make


@pytest.fixture
def new_sweep(tmp_path, new_run):
    """A sweep of all widths and steps; `larger` adds a run of that width."""

    def make(name="sweep", *, larger=None):
        sweep = SweepFolder(tmp_path / name)
        pairs = [(width, steps) for width in WIDTHS for steps in STEPS]
        pairs += [(larger, 1500)] if larger else []
        for number, (width, steps) in enumerate(pairs):
            new_run(f"{name}/{number:04}", width, steps)
        sweep.save_asked({"objectives": [["val/loss", "minimize"]]})
        sweep.save_jobs([Job(n, str(n), [], f"{n:04}", "finished") for n in range(len(pairs))])
        return sweep

    return make
