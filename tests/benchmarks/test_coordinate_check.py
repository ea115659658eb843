"""The coordinate check of maximal-update parametrisation, on real networks of 64 to 512 units."""

from functools import partial

import coordinate_check
import pytest

from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.muon import muon

WIDTHS = (64, 512)
SMALL = ["model.num_layers=1"]


def growths(factory, overrides):
    """Of attention, MLP, final norm and logits at each step, by parametrisation."""
    learnt = coordinate_check.batches(4, time=16, size=4)
    found = coordinate_check.check(WIDTHS, learnt, factory, [*SMALL, *overrides])
    assert {len(sizes) for by_width in found.values() for sizes in by_width.values()} == {5}
    return {name: coordinate_check.growth(by_width) for name, by_width in found.items()}


@pytest.mark.parametrize("overrides", [[], ["model=llama_nano"]], ids=["gpt2", "llama"])
def test_activations_keep_their_size_at_every_width_and_grow_without(overrides):
    found = growths(partial(adamw, lr=0.004), overrides)
    for step, (maximal, standard) in enumerate(zip(found["maximal_update"], found["standard"], strict=True)):
        logits = maximal.pop("logits")
        assert logits < 2  # They begin at 1 / sqrt(8).
        assert all(1 / 2 < times < 2 for times in maximal.values()), (step, maximal)
        if step:
            assert min(standard["blocks.0.attention"], standard["blocks.0.mlp"]) > 4, (step, standard)


@pytest.mark.slow
def test_muon_keeps_them_with_one_learning_rate():
    found = growths(partial(muon, lr=0.02, adamw_lr=0.004), [])
    for maximal, standard in zip(found["maximal_update"][1:], found["standard"][1:], strict=True):
        assert all(1 / 2 < times < 2 for times in maximal.values())
        assert max(standard.values()) > 4
