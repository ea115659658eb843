"""A model: fresh, with the weights of another run, or as a run folder or Hugging Face's layout holds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf

from gpt_exp.adapter.lora import check_lengths
from gpt_exp.adapter.low_rank import merge
from gpt_exp.adapter.per_task import adapt, check_all_learn, has_several
from gpt_exp.errors import UserError
from gpt_exp.experiment.parts import make, make_task, read_config
from gpt_exp.interfaces import Model, Task, Tokenizer
from gpt_exp.model.heads import host, without_heads
from gpt_exp.model.hugging_face import load_heads, local
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.folder import RunFolder
from gpt_exp.task.several import Several
from gpt_exp.tokenizer.file import open as open_tokenizer

HUGGING_FACE = "gpt_exp.model.hugging_face.from_pretrained"


class LoadedRun(NamedTuple):
    """A trained model as its run folder holds it."""

    model: Model  # In evaluation mode.
    tokenizer: Tokenizer
    config: DictConfig


def make_model(config: DictConfig, tokenizer: Tokenizer, task: Task | None, *, initial: bool = True) -> Model:
    """The model with the weights of `init.run`, or fresh ones drawn from the run's seed, and adapted.

    Without `initial` the weights are left as they are drawn: a checkpoint will replace them all.
    """
    arguments = {}
    if "vocab_size" in config.model and config.model.vocab_size is None:
        arguments["vocab_size"] = tokenizer.vocab_size
    torch.manual_seed(config.seed)
    model = make(config.model, **arguments)
    if model.shape.vocab_size < tokenizer.vocab_size:
        raise UserError(
            f"model.vocab_size={model.shape.vocab_size} is smaller than the tokenizer's vocabulary of "
            f"{tokenizer.vocab_size} tokens"
        )
    host(model, getattr(task, "heads", {}))
    if initial and OmegaConf.select(config, "init.run"):
        load_initial(model, config.init.run, config.init.checkpoint)
    if config.get("adapter"):
        make(config.adapter)(model)
    if isinstance(task, Several):
        own = {str(name): make(node.adapter) for name, node in config.tasks.items() if node.get("adapter")}
        adapt(model, own)
        check_all_learn(model, own, task.tasks)
    if initial:
        check_lengths(model)
    return model


def load_initial(model: Model, run: str, checkpoint: str) -> None:
    """Take over the weights of another run; heads that it does not have stay as they are."""
    other = load_run(run, checkpoint, merged=True).model
    refuse_several(other, f"init.run={run}")
    theirs, ours = other.state_dict(), model.state_dict()
    if _scales(other) != _scales(model):
        raise UserError(
            f"init.run={run}: its parametrization is another; model=run takes that run's own network"
        )
    for name, tensor in theirs.items():
        if name in ours and tensor.shape != ours[name].shape:
            shapes = f"{tuple(tensor.shape)} there and {tuple(ours[name].shape)} in model"
            raise UserError(f"init.run={run}: {name} is {shapes}; model=run takes that run's own network")
    if missing := [name for name in without_heads(ours) if name not in theirs]:
        raise UserError(f"init.run={run} has no {missing[0]}; model=run takes that run's own network")
    model.load_state_dict({name: tensor for name, tensor in theirs.items() if name in ours}, strict=False)


def refuse_several(model: Model, given: str) -> None:
    """UserError for a run whose tasks have adapters of their own: it has no weights that stand for it."""
    if has_several(model):
        raise UserError(
            f"{given}: its tasks have adapters of their own; gpt-exp export of=NAME merges one into a model, "
            "for model=hf"
        )


def _scales(model: Model) -> tuple[Any, ...]:
    """By what equal weights may give something else (`gpt_exp/model/parametrization.py`)."""
    return tuple(getattr(model.shape, name, None) for name in ("width_ratio", "attention_scale"))


def has_base(config: DictConfig) -> bool:
    """Whether frozen weights can be had again from where they came."""
    return bool(OmegaConf.select(config, "init.run")) or config.model._target_ == HUGGING_FACE


def load_run(run: str | Path, checkpoint: str = "best", *, merged: bool = False) -> LoadedRun:
    """A run's model with the weights of one of its checkpoints.

    Needs nothing but the run's folder, and that of its base where the run froze a part of it. `merged` puts
    low-rank adapters into the weights that they adapt, unless several tasks have their own (`of_task`).
    """
    folder = RunFolder.open(run)
    config = read_config(folder)
    tokenizer, task = open_tokenizer(folder.tokenizer), make_task(config)
    weights = load_weights(folder.resolve(checkpoint))
    model = make_model(config, tokenizer, task, initial=False)
    if missing := model.state_dict().keys() - weights.keys():
        if not has_base(config):
            raise UserError(f"{folder.path}: the checkpoint lacks {min(missing)}")
        if OmegaConf.select(config, "init.run"):
            config.init.run = base_of(folder, config.init.run)
        model = make_model(config, tokenizer, task)
    model.load_state_dict(weights, strict=False)
    if merged and not has_several(model):
        merge(model)
    return LoadedRun(model.eval(), tokenizer, config)


def base_of(folder: RunFolder, run: str) -> str:
    """Where the run lies that this one began from: at `run`, or as NAME/TIME under the same outputs.

    Raises UserError where it is at neither place.
    """
    beside = folder.path.absolute().parents[1].joinpath(*Path(run).parts[-2:])
    for path in (Path(run), beside):
        if RunFolder(path).config_file.is_file():
            return str(path)
    raise UserError(
        f"{folder.path} keeps what it trained alone: the rest is in init.run={run}, not found from here"
    )


def load_pretrained(config: DictConfig, *, needed: Sequence[str] = ("data", "task")) -> LoadedRun:
    """A checkpoint in Hugging Face's layout, with its task's heads, and the config of an evaluation."""
    for name in needed:
        if config.get(name) is None:
            raise UserError(f"{name}: a model that is no run needs one, as in {name}=...")
    if config.model._target_ != HUGGING_FACE:
        raise UserError(
            "model: one that is no run comes from a folder or the hub, as in model=hf model.path=..."
        )
    folder = local(config.model.path)
    tokenizer = make(config.tokenizer) if config.get("tokenizer") else open_tokenizer(folder)
    full = DictConfig(OmegaConf.merge(_DEFAULTS, OmegaConf.to_container(config, resolve=True)))
    model = make_model(full, tokenizer, make(config.task) if config.get("task") else None)
    load_heads(model, folder)
    return LoadedRun(model.eval(), tokenizer, full)


_DEFAULTS = OmegaConf.create(
    {
        "sampling": {"_target_": "gpt_exp.sampling.length_buckets.LengthBuckets"},
        "decode": {"_target_": "gpt_exp.decoding.greedy.Greedy"},
        "num_workers": 0,
        "repeat_steps": None,
    }
)
