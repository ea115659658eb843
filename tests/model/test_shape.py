import sys
from pathlib import Path
from subprocess import run

import pytest
import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from gpt_exp.model import shape
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama

CONF = Path(__file__).parents[2] / "conf" / "model"
OTHERS = ("hugging_face", "hf", "run")  # Their sizes are told by another folder.
OPTIONS = sorted(
    path.stem for path in CONF.glob("*.yaml") if not path.stem.startswith("_") and path.stem not in OTHERS
)
GPT2_SIZES = {"vocab_size": 11, "context_length": 8, "num_layers": 2, "num_heads": 2, "embedding_dim": 12}
LLAMA_SIZES = GPT2_SIZES | {"num_heads": 4, "embedding_dim": 16, "num_key_value_heads": 2}


def arguments(option: str, vocab_size: int) -> tuple[str, dict]:
    """Target and constructor arguments of a YAML with its bases."""
    merged = OmegaConf.merge(with_bases(option), {"vocab_size": vocab_size})
    return merged.pop("_target_"), OmegaConf.to_container(merged)


def with_bases(option: str) -> DictConfig:
    node = OmegaConf.load(CONF / f"{option}.yaml")
    bases = [with_bases(base) for base in node.pop("defaults", []) if base != "_self_"]
    return OmegaConf.merge(*bases, node)


@pytest.mark.parametrize("option", OPTIONS)
def test_count_is_that_of_the_network_for_every_option(option):
    target, kwargs = arguments(option, 4096)
    with torch.device("meta"):
        model = get_class(target)(**kwargs)
    assert model.shape.num_parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "option, count",
    [
        ("gpt_small", 124_439_808),
        ("gpt_medium", 354_823_168),
        ("gpt_large", 774_030_080),
        ("gpt_xl", 1_557_611_200),
    ],
)
def test_sizes_of_gpt2_are_exact(option, count):
    _, kwargs = arguments(option, 50257)
    assert shape.gpt2(**kwargs).num_parameters == count


@pytest.mark.parametrize(
    "family, options",
    [
        (GPT2, {}),
        (GPT2, {"bias": False}),
        (Llama, {"tied": True}),
        (Llama, {"tied": False, "qk_norm": True, "head_dim": 6, "hidden_dim": 20}),
    ],
)
def test_count_without_embeddings_is_that_of_blocks_and_final_norm(family, options):
    model = family(**((GPT2_SIZES if family is GPT2 else LLAMA_SIZES) | options))
    own = sum(p.numel() for part in (model.blocks, model.final_norm) for p in part.parameters())
    assert model.shape.num_parameters_without_embeddings == own
    assert model.shape.num_parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("tied", [True, False])
def test_flops_are_those_that_torch_counts(tied):
    from torch.utils.flop_counter import FlopCounterMode

    batch, time = 2, 8
    sizes = LLAMA_SIZES | {"vocab_size": 64, "embedding_dim": 64, "num_heads": 4, "num_key_value_heads": 4}
    with torch.device("meta"):
        model = Llama(**sizes, tied=tied)
    with FlopCounterMode(display=False) as counter:
        model.logits(model(torch.zeros(batch, time, dtype=torch.long, device="meta")))
    norms = sum(p.numel() for p in model.parameters() if p.ndim == 1)  # In N, but no products.
    ours = model.shape.forward_flops_per_token(time) - 2 * norms
    assert counter.get_total_flops() == batch * time * ours
    assert model.shape.flops_per_token(time) == 3 * model.shape.forward_flops_per_token(time)


@pytest.mark.parametrize("family", [GPT2, Llama])
def test_activation_estimate_is_near_what_autograd_keeps(family):
    sizes = GPT2_SIZES if family is GPT2 else LLAMA_SIZES
    model = family(**(sizes | {"context_length": 64, "embedding_dim": 64, "num_layers": 3}))
    parameters, kept = {p.data_ptr() for p in model.parameters()}, {}

    def keep(tensor):
        if tensor.data_ptr() not in parameters:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model(torch.zeros(4, 64, dtype=torch.long))
    assert hidden.requires_grad
    assert 0.7 < model.shape.activation_bytes(4, precision_bytes=4) / sum(kept.values()) < 1.3


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"embedding_dim": 13}, "embedding_dim=13.*num_heads=2.*12 or 14"),
        ({"num_layers": 0}, "num_layers.*at least 1.*0"),
        ({"vocab_size": None}, "vocab_size.*None"),
        ({"context_length": 2.5}, "context_length.*2.5"),
        ({"dropout": 1.0}, "dropout.*below 1.*1.0"),
        ({"norm_epsilon": 0.0}, "norm_epsilon.*above 0"),
        ({"parametrization": "mup"}, "parametrization must be standard or maximal_update, not 'mup'"),
        ({"parametrization": "maximal_update", "base_width": 6}, "needs base_width and base_head_dim"),
        (
            {"parametrization": "maximal_update", "base_width": 0, "base_head_dim": 2},
            "base_width.*at least 1.*0",
        ),
    ],
)
def test_network_and_shape_refuse_the_same_mistakes(changes, words):
    for make in (shape.gpt2, GPT2):
        with pytest.raises(ValueError, match=words):
            make(**(GPT2_SIZES | changes))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"num_key_value_heads": 3}, "num_heads=4.*num_key_value_heads=3.*allowed: 1, 2, 4"),
        ({"embedding_dim": 20}, "embedding_dim=20.*num_heads=8.*16 or 24"),
        ({"embedding_dim": 4}, "embedding_dim=4.*nearest: 8"),
        ({"head_dim": 5}, "head_dim=5.*even.*6"),
        ({"rope_theta": -1.0}, "rope_theta"),
        ({"logit_softcap": 0.0}, "logit_softcap"),
        ({"z_loss": -0.1}, "z_loss"),
        ({"rope_scaling": {"factor": 8.0}}, "rope_scaling.*low_freq_factor"),
    ],
)
def test_llama_and_its_shape_refuse_the_same_mistakes(changes, words):
    for make in (shape.llama, Llama):
        with pytest.raises(ValueError, match=words):
            make(**(LLAMA_SIZES | changes))


@pytest.mark.parametrize("function, family", [(shape.gpt2, GPT2), (shape.llama, Llama)])
def test_shape_takes_the_arguments_of_the_network(function, family):
    assert function.__kwdefaults__ == family.__init__.__kwdefaults__
    theirs = {name: hint for name, hint in family.__init__.__annotations__.items() if name != "return"}
    ours = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    assert ours == theirs


def test_shape_imports_no_torch():
    code = "import sys, gpt_exp.model.shape; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
