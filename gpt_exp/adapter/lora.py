"""Low-rank adapters: beside each frozen matrix a product of two thin ones learns (peft's layers)."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import nn

from gpt_exp.adapter.trainable import hosted_heads

if TYPE_CHECKING:
    from peft import LoraConfig

WHOLE = "default"  # The name of an adapter for whatever the model reads: peft's own.


def lora(
    model: nn.Module,
    *,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    targets: Sequence[str] | None = None,
    dora: bool = False,
    rank_stabilized: bool = False,
    train_embeddings: bool = False,
    name: str = WHOLE,
) -> None:
    """LoRA (Hu et al. 2021, arXiv:2106.09685): W x + (alpha / rank) B A x; only A and B train, and all heads.

    `targets` end the names of linear layers inside the blocks ("query_key_value", "mlp.up"); None: all of
    them. With `dora` the length of each output's weights learns too (Liu et al. 2024, arXiv:2402.09353), and
    `rank_stabilized` divides alpha by sqrt(rank) (Kalajdzievski 2023, arXiv:2312.03732). Embeddings and
    output table stay frozen without `train_embeddings`. A `name` tells apart what tasks have of their own
    (gpt_exp/adapter/per_task.py). ValueError for a setting or a target that can't be.
    """
    _check(rank, alpha, dropout)
    config = peft().LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=linear_layers(model, targets),
        use_dora=dora,
        use_rslora=rank_stabilized,
    )
    inject(model, config, name)
    if train_embeddings:
        for table in outer_matrices(model).values():
            table.requires_grad_(True)


def inject(model: nn.Module, config: LoraConfig, name: str = WHOLE) -> None:
    """Put fresh adapters into `model`, in fp32 whatever its dtype, and freeze all but them and the heads."""
    others = model.__dict__.pop("peft_config", {})  # Of other tasks: peft would warn of them.
    peft().inject_adapter_in_model(config, model, name)
    model.__dict__["peft_config"] = {**others, name: config}
    for each, parameter in model.named_parameters():
        if is_low_rank(each) and parameter.dtype.itemsize < 4:
            parameter.data = parameter.data.float()
    if (heads := hosted_heads(model)) is not None:
        heads.requires_grad_(True)


def check_lengths(model: nn.Module) -> None:
    """ValueError for DoRA on weights of length 0, which have no direction: all would be NaN."""
    for name, parameter in model.named_parameters():
        if ".lora_magnitude_vector." in name and not parameter.all():
            raise ValueError(
                f"adapter.dora: {name.partition('.lora_')[0]} begins at 0 and has no direction; "
                "take lora, weights of init.run, or model.zero_init_residual=false"
            )


def linear_layers(model: nn.Module, targets: Sequence[str] | None) -> list[str]:
    """The names of the linear layers in blocks that `targets` mean; ValueError for one that means none."""
    linear = [
        f"blocks.{name}".removesuffix(".base_layer")  # Where another task's adapter is there already.
        for name, module in model.get_submodule("blocks").named_modules()
        if isinstance(module, nn.Linear) and not is_low_rank(name)
    ]
    if targets is None:
        return linear
    for target in targets:
        if not any(_ends(name, target) for name in linear):
            known = ", ".join(dict.fromkeys(name.split(".", 2)[2] for name in linear))
            raise ValueError(f"adapter.targets: a block has no linear layer {target!r}; it has {known}")
    chosen = [name for name in linear if any(_ends(name, target) for target in targets)]
    if not chosen:
        raise ValueError("adapter.targets is empty; null means all linear layers")
    return chosen


def outer_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """The embeddings and an output table of its own, by name."""
    inner = ("blocks.", "heads.")
    return {n: p for n, p in model.named_parameters() if p.ndim >= 2 and not n.startswith(inner)}


def is_adapted(model: nn.Module) -> bool:
    """Whether the model has adapters that are not merged."""
    return hasattr(model, "peft_config")


def is_low_rank(name: str) -> bool:
    """Whether this is a part of an adapter, by its name."""
    return ".lora_" in name


def peft() -> ModuleType:
    """The library, imported late: that takes seconds."""
    try:
        import peft as library
    except ImportError:
        raise ValueError("low-rank adapters need a package: pip install 'gpt-exp[finetune]'") from None
    return library


def _ends(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def _check(rank: Any, alpha: Any, dropout: Any) -> None:
    if rank < 1:
        raise ValueError(f"adapter.rank={rank} must be at least 1")
    if not alpha > 0:
        raise ValueError(f"adapter.alpha={alpha} must be above 0")
    if not 0 <= dropout < 1:
        raise ValueError(f"adapter.dropout={dropout} must be at least 0 and below 1")
