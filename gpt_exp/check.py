"""gpt-exp check: everything wrong with a training job, and what it would cost. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gpt_exp.config import cost, feasibility, growing
from gpt_exp.config.resolve import resolve
from gpt_exp.config.verbs import TRAIN
from gpt_exp.page.numbers import count, duration, several, size
from gpt_exp.run.folder import RunFolder

if TYPE_CHECKING:
    from gpt_exp.config.compose import Composition
    from gpt_exp.config.stage_plan import Stage

FILE_TOKENIZER = "gpt_exp.tokenizer.file.open"  # What a stage has from an earlier one.


def main(config: DictConfig, overrides: list[str]) -> None:
    """Print the job's figures; the command line has checked it before."""
    print(summary(resolve(config).config))
    print("no problems found")


def tell_stages(jobs: list[Composition]) -> None:
    """Print the figures of every stage of staged experiments, one that several jobs share once."""
    told: set[str] = set()
    vocabularies: dict[str, int] = {}
    for stage in (stage for job in jobs for stage in job.stages):
        if stage.key in told:
            continue
        told.add(stage.key)
        came = f", from {', '.join(stage.parents)}" if stage.parents else ""
        does = "" if stage.verb == TRAIN else f": {stage.verb}"
        print(f"{stage.name}{does}{came} ({_state(stage)} {stage.path})")
        if stage.verb == TRAIN:
            print("\n".join(f"  {line}" for line in _figures(stage, vocabularies).splitlines()))
    print("no problems found")


def _figures(stage: Stage, vocabularies: dict[str, int]) -> str:
    """Of a stage that trains, whose vocabulary is kept for those that come from it."""
    plain = resolve(stage.config).config
    inherited = [vocabularies[key] for key in stage.parents.values() if key in vocabularies]
    if inherited and str(plain["tokenizer"]["_target_"]) == FILE_TOKENIZER:
        plain["tokenizer"]["vocab_size"] = inherited[-1]
    vocabularies[stage.key] = cost.vocabulary(plain)[0]
    return summary(plain)


def _state(stage: Stage) -> str:
    return "cached in" if RunFolder(stage.path).status().get("state") == "finished" else "to be run in"


def summary(config: dict[str, Any]) -> str:
    """A resolved training config in a few aligned lines: sizes, batch, tokens, memory, time."""
    return "\n".join(f"{name:10}{text}" for name, text in rows(config))


def rows(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every line's name and text."""
    vocab_size, sure = cost.vocabulary(config)
    family = str(config["model"]["_target_"]).rpartition(".")[0].rpartition(".")[2]
    shape = feasibility.shape(config, vocab_size)
    if shape is None:
        yield "model", f"{family}: tells no sizes without being built, so no estimates"
        return
    without = count(shape.num_parameters_without_embeddings)
    yield "model", f"{family}, {count(shape.num_parameters)} parameters ({without} without embeddings)"
    assumed = "" if sure else " (assumed; the tokenizer will tell)"
    yield "", f"context {shape.context_length:,}, vocabulary {vocab_size:,}{assumed}"
    yield from _job(config, cost.estimate(config, shape))
    if config.get("growth"):
        yield from _growth(growing.spans(config, shape.context_length), shape.context_length)


def _growth(spans: list[growing.Span], context_length: int) -> Iterator[tuple[str, str]]:
    start = 0
    for span in spans:
        cut = f", cut to {span.context_length:,} tokens" * (span.context_length < context_length)
        text = f"from step {start:,}: {span.batch_size} sequences{cut}"
        yield "" if start else "growth", text
        start += span.num_steps


def _job(config: dict[str, Any], job: cost.Cost) -> Iterator[tuple[str, str]]:
    nodes = feasibility.get(config, "trainer.num_nodes", 1)
    accumulate = feasibility.get(config, "trainer.accumulate_grad_batches", 1)
    devices = several(job.devices, "device") if job.devices else "devices (decided at the start)"
    factors = f"{job.micro_batch_size} x {devices} x {several(nodes, 'node')} x {accumulate} accumulated"
    yield "batch", f"{config['batch_size']} sequences = {factors}; {job.tokens_per_step:,} tokens a step"
    if job.record is not None:
        yield "", f"{job.record.mean:.0f} tokens a record, {job.record.basis}"
    steps = feasibility.get(config, "trainer.max_steps", 1)
    yield "training", f"{steps:,} steps, {count(job.tokens)} tokens, {job.flops:.1e} FLOPs"
    parts = ", ".join(f"{name} {size(part)}" for name, part in job.memory._asdict().items())
    yield "memory", f"about {size(job.memory.total)} a device: {parts}"
    times, basis = cost.seconds(config, job)
    many = f" ({job.world_size} of them)" if job.world_size > 1 else ""
    spent = ", ".join(f"{duration(seconds)} on {name}" for name, seconds in times.items())
    yield "time", f"about {spent}{many}; {basis}"
