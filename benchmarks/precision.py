"""Does bf16 pay off on this CPU? A training step in fp32 and in bf16, in turns.

    python benchmarks/precision.py [--rounds 10] [--experiment pretrain_demo] [overrides]

Prints the fastest step of each, their ratio, and what `precision: auto` takes here; and the same of the
products in a step of Muon, which are in bf16 wherever that is fast. Half a minute.
"""

from __future__ import annotations

import argparse
from time import perf_counter
from unittest.mock import patch

import torch

from gpt_exp.config.compose import compose
from gpt_exp.experiment.parts import make
from gpt_exp.optimizer import newton_schulz
from gpt_exp.precision import autocast, resolve_precision

PRECISIONS, DTYPES = ("32-true", "bf16-mixed"), (torch.float32, torch.bfloat16)
SEQUENCES, LENGTH, VOCABULARY = 16, 128, 6700


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--experiment", default="pretrain_demo", help="whose model is trained")
    parser.add_argument("overrides", nargs="*", help="of that, such as model=gpt_mini")
    arguments = parser.parse_args()
    config = compose(
        "train",
        [f"experiment={arguments.experiment}", *arguments.overrides, f"model.vocab_size={VOCABULARY}"],
    )
    torch.manual_seed(0)
    model = make(config.model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    matrices = [each for each in model.blocks.parameters() if each.ndim == 2]
    best = dict.fromkeys(PRECISIONS, float("inf"))
    products = dict.fromkeys(DTYPES, float("inf"))
    for _ in range(arguments.rounds):
        for precision in PRECISIONS:
            best[precision] = min(best[precision], step(model, optimizer, precision))
        for dtype in DTYPES:
            products[dtype] = min(products[dtype], orthogonalization(matrices, dtype))
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{size / 1e6:.1f} M parameters, {SEQUENCES * LENGTH:,} tokens, {torch.get_num_threads()} threads")
    for precision, seconds in best.items():
        print(f"{precision:12}{seconds * 1e3:8.1f} ms")
    print(f"bf16 is {best['32-true'] / best['bf16-mixed']:.2f} times as fast", end="; ")
    print(f"precision=auto takes {resolve_precision('auto', 'cpu')}")
    fp32, bf16 = products.values()
    times = f"{fp32 * 1e3:.1f} ms in fp32, {bf16 * 1e3:.1f} in bf16"
    print(f"Muon's products: {times}, {fp32 / bf16:.2f} times as fast")


def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, precision: str) -> float:
    """Seconds of forward, backward and update on random tokens."""
    tokens, targets = torch.randint(VOCABULARY, (2, SEQUENCES, LENGTH))
    began = perf_counter()
    with autocast(precision, "cpu"):
        loss = model.loss(model(tokens), targets)
    (loss.total / loss.num_targets).backward()
    optimizer.step()
    optimizer.zero_grad()
    return perf_counter() - began


@torch.no_grad()
def orthogonalization(matrices: list[torch.Tensor], dtype: torch.dtype) -> float:
    """Seconds of the products in one step of Muon."""
    began = perf_counter()
    with patch.object(newton_schulz, "_dtype", return_value=dtype):
        newton_schulz.orthogonalize(matrices)
    return perf_counter() - began


if __name__ == "__main__":
    main()
