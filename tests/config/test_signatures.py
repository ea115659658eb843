"""A signature read from the source is the one that Python has after importing."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import yaml

from gpt_exp.config import signatures
from gpt_exp.config.location import conf_folder

TARGETS = [
    "lightning.pytorch.Trainer",
    "lightning.pytorch.strategies.DDPStrategy",
    "lightning.pytorch.strategies.ModelParallelStrategy",
    "lightning.pytorch.profilers.PyTorchProfiler",
    "lightning.pytorch.callbacks.LearningRateMonitor",
    "torch.optim.Adam",
    "torch.optim.Muon",
    "torch.nn.Linear",
    "torch.nn.Identity",
    "torchmetrics.MeanMetric",
]


def targets_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from targets_of(value)


def targets_in_conf() -> set[str]:
    files = conf_folder().rglob("*.yaml")
    return {target for file in files for target in targets_of(yaml.safe_load(file.read_text()))}


def outline(signature: inspect.Signature) -> list[tuple[str, Any, bool]]:
    return [(p.name, p.kind, p.default is p.empty) for p in signature.parameters.values()]


def unpacked(signature: inspect.Signature, module: Any) -> inspect.Signature:
    """With the keywords of `**name: Unpack[SomeTypedDict]` in its place."""
    *parameters, last = signature.parameters.values() or [None]
    found = re.fullmatch(r"Unpack\[(\w+)\]", str(last and last.annotation))
    if found is None:
        return signature
    names = getattr(module, found[1]).__annotations__
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([*parameters, *(inspect.Parameter(n, kind, default=None) for n in names)])


@pytest.mark.parametrize("target", sorted({*TARGETS, *targets_in_conf()}))
def test_equals_that_of_the_imported_object(target: str) -> None:
    module, _, name = target.rpartition(".")
    found = signatures.signature(target)
    assert found is not None
    imported = import_module(module)
    assert outline(found) == outline(unpacked(inspect.signature(getattr(imported, name)), imported))


def test_what_does_not_exist_is_not_found() -> None:
    for target in ("torch.optim.AdamX", "no_such_package.thing", "torch", "gpt_exp.model.gpt2.GPT2.", ""):
        assert signatures.find(target) is None


def test_a_name_is_followed_to_where_it_is_defined() -> None:
    found = signatures.find("gpt_exp.config.location.os.path")
    assert found is None or not found.dotted.startswith("gpt_exp.")
    trainer = signatures.find("lightning.pytorch.Trainer")
    assert trainer is not None
    assert trainer.dotted == "lightning.pytorch.trainer.trainer.Trainer"
