"""Do activations keep their size when a wider model takes its first steps? Yang et al. 2022, appendix D.1.

    python benchmarks/coordinate_check.py [model=llama_nano ...] [--outputs FOLDER] [--widths 64 128 256 512]

A maximal-update parametrisation is right where every part's mean absolute output is as large in a wide
model as in a narrow one, at each of the first steps of AdamW; logits may begin smaller. In the standard one
they grow with the width. Prints a table and draws coordinates.html, and coordinates.png where kaleido and
Chrome are there. Half a minute on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pydoc_data.topics import topics

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from gpt_exp.config.compose import compose
from gpt_exp.experiment.parts import make
from gpt_exp.interfaces import Model, OptimizerFactory
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer
from gpt_exp.page.figures import PALETTE
from gpt_exp.page.png import ON_PAPER, SIZE

WIDTHS = (64, 128, 256, 512)
PARAMETRIZATIONS = ("standard", "maximal_update")
MODEL = ["model=gpt_nano", "model.vocab_size=128", "model.context_length=64", "model.num_layers=2"]
LEARNING_RATE = 0.004
Sizes = dict[str, float]  # Mean absolute output by the part of the model.


def coordinates(model: Model, factory: OptimizerFactory, batches: Sequence[Tensor]) -> list[Sizes]:
    """Each part's mean absolute output on the first of `batches`: before a step on each of them, and after.

    A batch is `(batch, time + 1)` tokens. Parts are the embedding, attention and MLP of each block, the final
    norm, and the logits.
    """
    optimizer, sizes = build_optimizer(factory, model), [measured(model, batches[0])]
    for batch in batches:
        loss = model.loss(model(batch[:, :-1]), batch[:, 1:])
        (loss.total / loss.num_targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        sizes.append(measured(model, batches[0]))
    return sizes


def measured(model: Model, batch: Tensor) -> Sizes:
    with recorded(model) as sizes, torch.no_grad():
        logits = model.logits(model(batch[:, :-1]))
    return sizes | {"logits": logits.abs().mean().item()}


@contextmanager
def recorded(model: nn.Module) -> Iterator[Sizes]:
    """The mean absolute outputs of the parts that are called meanwhile."""
    sizes: Sizes = {}

    def record(name: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        sizes[name] = output.abs().mean().item()

    hooks = [
        module.register_forward_hook(partial(record, name))
        for name, module in model.named_modules()
        if name in ("token_embedding", "final_norm") or name.endswith((".attention", ".mlp"))
    ]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


def batches(count: int, *, time: int = 32, size: int = 4) -> list[Tensor]:
    """Tokens `(size, time + 1)` of Python's own documentation, by characters; the same each time."""
    text = "".join(topics[name] for name in ("compound", "typesseq", "specialnames"))
    tokens = torch.tensor([ord(character) for character in text if character.isascii()])
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(len(tokens) - time - 1, (count, size, 1), generator=generator)
    return list(tokens[starts + torch.arange(time + 1)])


def network(width: int, parametrization: str, base: int, overrides: Sequence[str]) -> Model:
    """A model of this width whose heads are as many as the base's, with weights of one seed."""
    changes = [f"model.embedding_dim={width}", f"model.parametrization={parametrization}"]
    node = compose("train", [*MODEL, *changes, f"model.base_width={base}", *overrides]).model
    torch.manual_seed(0)
    return make(node, base_head_dim=base // node.num_heads)


def check(
    widths: Sequence[int], learnt: Sequence[Tensor], factory: OptimizerFactory, overrides: Sequence[str] = ()
) -> dict[str, dict[int, list[Sizes]]]:
    """The sizes at each step by parametrisation and width; the first width is the base."""
    return {
        name: {
            width: coordinates(network(width, name, widths[0], overrides), factory, learnt)
            for width in widths
        }
        for name in PARAMETRIZATIONS
    }


def growth(by_width: dict[int, list[Sizes]]) -> list[Sizes]:
    """At each step, how many times larger each part's output is in the widest model than in the narrowest.

    1 where a part gives nothing yet, as residual branches that begin at zero.
    """
    narrow, wide = by_width[min(by_width)], by_width[max(by_width)]
    pairs = zip(narrow, wide, strict=True)
    return [{part: b[part] / a[part] if a[part] else 1.0 for part in a} for a, b in pairs]


def tell(found: dict[str, dict[int, list[Sizes]]]) -> None:
    """Print the growths."""
    for name, by_width in found.items():
        print(f"{name}: mean absolute output at width {max(by_width)} by that at {min(by_width)}")
        for step, sizes in enumerate(growth(by_width)):
            told = "  ".join(f"{part.removeprefix('blocks.')} {times:.2f}" for part, times in sizes.items())
            print(f"  step {step}  {told}", flush=True)


def figure(found: dict[str, dict[int, list[Sizes]]]) -> go.Figure:
    """By width, a curve a part and a panel a parametrisation: after the last step."""
    drawn = make_subplots(
        cols=len(found), shared_yaxes=True, subplot_titles=list(found), horizontal_spacing=0.04
    )
    for column, by_width in enumerate(found.values(), 1):
        last = {width: sizes[-1] for width, sizes in by_width.items()}
        for index, part in enumerate(next(iter(last.values()))):
            drawn.add_scatter(
                x=list(last),
                y=[sizes[part] for sizes in last.values()],
                name=part,
                legendgroup=part,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": PALETTE[index % len(PALETTE)]},
                row=1,
                col=column,
            )
    drawn.update_xaxes(type="log", title="width", tickvals=list(last))
    drawn.update_yaxes(type="log", exponentformat="power", dtick=1)
    drawn.update_yaxes(title="mean absolute output", col=1)
    return drawn


def draw(shown: go.Figure, file: Path) -> None:
    """Write `file`.html, and `file`.png where kaleido and a browser are there."""
    shown.update_layout(template="none", **ON_PAPER)
    file.parent.mkdir(parents=True, exist_ok=True)
    shown.write_html(file.with_suffix(".html"))
    print(file.with_suffix(".html"))
    try:
        import kaleido

        page = kaleido.PageGenerator(mathjax=False)  # Its default would be loaded from the network.
        kaleido.write_fig_sync(shown, file.with_suffix(".png"), opts=SIZE, kopts={"page_generator": page})
    except Exception as error:  # Any that kaleido has for a missing browser: the page above is enough.
        print(f"no PNG: {type(error).__name__}")
        return
    print(file.with_suffix(".png"))


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--outputs", type=Path, default=Path("outputs/width_transfer"))
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("overrides", nargs="*", help="of the model, such as model.num_layers=4")
    arguments = parser.parse_args()
    factory = partial(adamw, lr=LEARNING_RATE)
    found = check(arguments.widths, batches(arguments.steps), factory, arguments.overrides)
    tell(found)
    draw(figure(found), arguments.outputs / "coordinates")


if __name__ == "__main__":
    main()
