"""A finished run as a point of the loss law, from its folder alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from omegaconf import OmegaConf

from gpt_exp.config import feasibility, growing
from gpt_exp.errors import UserError
from gpt_exp.run.folder import RunFolder, read_json
from gpt_exp.run.summary import reached, result
from gpt_exp.scaling.law import Point

PARAMETERS = ("total", "without_embeddings")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the law needs to know of a run."""

    folder: RunFolder
    name: str
    N: float  # Parameters, counted as the study does.
    D: float  # Tokens that the evaluated weights had seen.
    loss: float  # Nats per token over the validation split; not a number where the run knows none.
    step: int  # Of the evaluated weights,
    num_steps: int  # and of the whole run.
    is_evaluated: bool  # On the whole split, at the end; else the loss is that of its last validation.

    @property
    def point(self) -> Point:
        return Point(self.N, self.D, self.loss)

    @property
    def flops(self) -> float:
        return 6 * self.N * self.D


def read_run(folder: RunFolder, name: str, parameters: str = "total") -> Run:
    """The run's sizes and loss; `parameters` says which ones N counts. Raises UserError."""
    config, results = plain_config(folder), read_json(folder.results)
    num_steps = int(results.get("step") or folder.status().get("step") or config["trainer"]["max_steps"])
    loss, step = _evaluated(folder, results, num_steps)
    shape = feasibility.shape(config, vocabulary(folder, config))
    sizes = growing.growth_of(config).batch_sizes(config["batch_size"])
    num_tokens = results.get("num_tokens_seen") or sizes.before(num_steps) * (context_length(config) or 1)
    return Run(
        folder=folder,
        name=name,
        N=_num_parameters(name, shape, results, parameters),
        D=num_tokens * sizes.before(step) / sizes.before(num_steps),
        loss=loss if isfinite(loss) else nan,
        step=step,
        num_steps=num_steps,
        is_evaluated=result(results, "val/loss") is not None,
    )


def _evaluated(folder: RunFolder, results: dict[str, Any], num_steps: int) -> tuple[float, int]:
    """The loss, and the step of the weights that have it: the best ones, where a final evaluation was."""
    loss = result(results, "val/loss")
    if loss is not None:
        return loss, min(int(read_json(folder.best).get("step", num_steps)), num_steps)
    last = reached(folder, "val/loss")
    return (nan, num_steps) if last is None else (last.last, last.last_step or num_steps)


def _num_parameters(name: str, shape: Any, results: dict[str, Any], parameters: str) -> float:
    if parameters == "total" and results.get("num_parameters"):
        return results["num_parameters"]
    if shape is None:
        raise UserError(
            f"{name}: its model tells no sizes without being built"
            + ("; parameters=total counts all" if results.get("num_parameters") else "")
        )
    return shape.num_parameters if parameters == "total" else shape.num_parameters_without_embeddings


def plain_config(folder: RunFolder) -> dict[str, Any]:
    config = OmegaConf.to_container(folder.config(), resolve=True)
    assert isinstance(config, dict)
    return config  # type: ignore[return-value]


def vocabulary(folder: RunFolder, config: dict[str, Any]) -> int:
    """How many tokens the run's model knows."""
    size = feasibility.get(config, "model.vocab_size")
    if size is None and (folder.tokenizer / "tokenizer.json").is_file():
        from gpt_exp.tokenizer.file import open as open_tokenizer

        size = open_tokenizer(folder.tokenizer).vocab_size
    return size or feasibility.get(config, "tokenizer.vocab_size", 1)


def context_length(config: dict[str, Any]) -> int | None:
    return feasibility.get(config, "model.context_length")
