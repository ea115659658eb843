"""A signature read from the source is the one that Python has after importing."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import yaml

from gpt_exp.config import signatures
from gpt_exp.config.keys import parameters
from gpt_exp.config.location import conf_folder

GIVEN_ON = {"MultiTask": ("tokens_per_example",)}  # What a class itself says to its base.

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
    made = getattr(imported, name)
    theirs = unpacked(inspect.signature(made), imported)
    if target.startswith("gpt_exp."):
        theirs = with_those_of_the_base(theirs, made)
    assert outline(found) == outline(theirs)


def with_those_of_the_base(own: inspect.Signature, made: Any) -> inspect.Signature:
    """With the base class's parameters in the place of the keywords that are handed on to it."""
    *parameters, last = own.parameters.values() or [None]
    if last is None or last.kind is not last.VAR_KEYWORD:
        return own
    base, given = inspect.signature(made.__bases__[0]), GIVEN_ON.get(made.__name__, ())
    others = [each for name, each in base.parameters.items() if name not in (*own.parameters, *given)]
    return inspect.Signature([*parameters, *others])


def test_a_module_of_ones_own_takes_what_it_names(tmp_path, monkeypatch) -> None:
    (tmp_path / "my_module.py").write_text(
        "from gpt_exp.module.fine_tuning import FineTuning\n"
        "class Weighted(FineTuning):\n    def __init__(self, *, weights: list[float], **base):\n"
        "        super().__init__(**base)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    free = parameters({"_target_": "my_module.Weighted"}, "module")
    assert free is not None and {"weights", "noise", "layer_decay"} <= set(free)


@pytest.mark.parametrize("name", ["pretraining", "fine_tuning", "multi_task"])
def test_of_a_module_may_be_set_what_the_experiment_does_not_give(name: str) -> None:
    node = yaml.safe_load((conf_folder() / "module" / f"{name}.yaml").read_text())
    node = node.get("module", node)
    signature, free = signatures.signature(node["_target_"]), parameters(node, "module")
    assert signature is not None and free is not None
    needed = {each.name for each in signature.parameters.values() if each.default is each.empty}
    assert not needed & set(free)
    assert set(node) - {"_target_", "_partial_"} <= set(free)
    assert "layer_decay" in free


def test_keywords_that_no_parent_takes_may_be_any(tmp_path, monkeypatch) -> None:
    (tmp_path / "my_keywords.py").write_text(
        "class Base:\n    def __init__(self, *, a: int, b: int = 2) -> None: ...\n"
        "class Handing(Base):\n    def __init__(self, c, **rest):\n        super().__init__(a=1, **rest)\n"
        "class Keeping(Base):\n    def __init__(self, c, **rest):\n        self.rest = rest\n"
        "class Taking(Base):\n    def __init__(self, **rest):\n        self.c = rest.pop('c', 1)\n"
        "        super().__init__(**rest)\n"
        "class Either(Base):\n    def __init__(self, c, **rest):\n"
        "        super().__init__(a=1, **rest) if c else super().__init__(b=1, **rest)\n"
        "class Mixin:\n    def __init__(self, c=0, **rest):\n        super().__init__(**rest)\n"
        "class Mixed(Mixin, Base):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    expected = {
        "Handing": ["c", "b"],
        "Keeping": ["c", "rest"],
        "Taking": ["rest"],
        "Either": ["c", "rest"],
        "Mixed": ["c", "rest"],
    }
    found = {name: signatures.signature(f"my_keywords.{name}") for name in expected}
    assert {name: list(each.parameters) for name, each in found.items() if each} == expected


def test_what_does_not_exist_is_not_found() -> None:
    for target in ("torch.optim.AdamX", "no_such_package.thing", "torch", "gpt_exp.model.gpt2.GPT2.", ""):
        assert signatures.find(target) is None


def test_a_name_is_followed_to_where_it_is_defined() -> None:
    found = signatures.find("gpt_exp.config.location.os.path")
    assert found is None or not found.dotted.startswith("gpt_exp.")
    trainer = signatures.find("lightning.pytorch.Trainer")
    assert trainer is not None
    assert trainer.dotted == "lightning.pytorch.trainer.trainer.Trainer"
