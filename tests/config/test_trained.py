"""What is said of an adapter before there is a model is near to what it is."""

import pytest

from gpt_exp.adapter.trainable import trainable_parameters
from gpt_exp.config import cost, feasibility
from gpt_exp.config.compose import composition
from gpt_exp.config.trained import compute_share, num_trained
from gpt_exp.experiment.parts import make


@pytest.mark.parametrize(
    "adapter", [["full"], ["last_layers", "adapter.num_layers=1"], ["lora", "adapter.rank=4"], ["dora"]]
)
def test_as_many_parameters_train_as_are_said(adapter: list[str]) -> None:
    if adapter[0] in ("lora", "dora"):
        pytest.importorskip("peft")
    name, *settings = adapter
    job = composition("train", ["model=llama_nano", "model.vocab_size=257", f"adapter={name}", *settings])
    model = make(job.config.model)
    make(job.config.adapter)(model)
    assert num_trained(job.resolved.config, model.shape) == pytest.approx(
        trainable_parameters(model)[0], rel=0.15
    )


def test_frozen_weights_cost_no_optimizer_memory_and_less_compute() -> None:
    configs = [composition("train", ["model=gpt_small", f"adapter={name}"]) for name in ("full", "lora")]
    full, lora = (
        cost.estimate(job.resolved.config, feasibility.shape(job.resolved.config, 50_257)) for job in configs
    )
    assert lora.memory.optimizer < full.memory.optimizer / 50
    assert lora.memory.gradients < full.memory.gradients / 50
    assert lora.memory.weights == full.memory.weights
    assert lora.flops == pytest.approx(full.flops * 2 / 3)


def test_two_passes_take_twice_the_time() -> None:
    once, twice = (
        composition("train", ["module=fine_tuning", "task=translation", "data=docstrings", *more])
        for more in ([], ["module.r_drop=1"])
    )
    shape = feasibility.shape(once.resolved.config, 257)
    assert compute_share(twice.resolved.config, shape) == 2 * compute_share(once.resolved.config, shape)
