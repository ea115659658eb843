"""What makes two runs one: every key, but those of how and where."""

import pytest
from omegaconf import OmegaConf

from gpt_exp.config.compose import compose
from gpt_exp.run.identity import differences, identity, is_runtime

CONFIG = {
    "name": "demo",
    "seed": 1337,
    "resume": None,
    "batch_size": 32,
    "num_workers": 0,
    "paths": {"outputs": "outputs", "cache": "${paths.outputs}/cache"},
    "model": {"_target_": "gpt_exp.model.gpt2.GPT2", "num_layers": 4, "dropout": 0.0},
    "optimizer": {"lr": 1e-3, "betas": [0.9, 0.95]},
    "trainer": {"max_steps": 100, "devices": 1, "accumulate_grad_batches": 2, "accelerator": "cpu"},
    "callback": {"progress": {"refresh": 1}, "early_stopping": {"patience": 3}},
    "logger": {"csv": {"name": "csv"}},
}
RUNTIME = [
    "name",
    "resume",
    "num_workers",
    "paths.outputs",
    "paths.cache",
    "trainer.devices",
    "trainer.accumulate_grad_batches",
    "trainer.accelerator",
    "callback.progress.refresh",
    "logger.csv.name",
]
IDENTITY = [
    "seed",
    "batch_size",
    "model._target_",
    "model.num_layers",
    "model.dropout",
    "optimizer.lr",
    "optimizer.betas",
    "trainer.max_steps",
    "callback.early_stopping.patience",
]


def changed(key: str):
    config = OmegaConf.create(CONFIG)
    OmegaConf.update(config, key, "something else")
    return config


@pytest.mark.parametrize("key", RUNTIME)
def test_a_runtime_key_may_change(key):
    assert differences(CONFIG, changed(key)) == []
    assert identity(CONFIG) == identity(changed(key))
    assert is_runtime(key)


@pytest.mark.parametrize("key", IDENTITY)
def test_an_identity_key_is_named(key):
    assert differences(CONFIG, changed(key)) == [key]
    assert identity(CONFIG) != identity(changed(key))


def test_a_new_key_and_a_missing_one_are_named():
    more = OmegaConf.merge(CONFIG, {"model": {"qk_norm": True}})
    assert differences(CONFIG, more) == differences(more, CONFIG) == ["model.qk_norm"]


def test_a_number_is_what_it_is_worth():
    assert identity(OmegaConf.merge(CONFIG, {"batch_size": 32.0})) == identity(CONFIG)


def test_another_order_of_keys_is_the_same_run():
    assert identity(dict(reversed(CONFIG.items()))) == identity(CONFIG)


def test_every_key_of_the_real_config_is_identity_or_runtime():
    config = compose("train", [])
    leaves = [key for key in keys(OmegaConf.to_container(config)) if not key.startswith("hydra.")]
    assert len(leaves) > 60
    for key in leaves:
        other = config.copy()
        OmegaConf.update(other, key, "something else")
        named = differences(config, other)
        assert (key in named) != is_runtime(key), key


def keys(node, prefix: str = ""):
    if isinstance(node, dict) and node:
        for key, inner in node.items():
            yield from keys(inner, f"{prefix}{key}.")
    else:
        yield prefix[:-1]
