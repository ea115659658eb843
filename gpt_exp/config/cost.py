"""What a job will take: parameters, tokens, FLOPs, memory of a device, time. Estimates, without torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from gpt_exp.config import feasibility
from gpt_exp.config.feasibility import get, num_devices
from gpt_exp.config.growing import spans
from gpt_exp.config.record_length import OF_ITEMS, RecordLength, record_length
from gpt_exp.config.resolve import UNKNOWN
from gpt_exp.config.several import plainly_alone
from gpt_exp.config.trained import compute_share, num_trained
from gpt_exp.hardware import PEAK_BF16, cpu_has_fast_bf16

ASKED_ABOUT = ("A100", "H100", "RTX 4090")  # Told where the machine has no GPU.
GPU_UTILISATION = 0.4  # Model FLOPs of the peak: what well-run GPT training reaches.
CPU_UTILISATION = 0.35  # Of a matrix product's speed, for a small model.
BF16_ON_CPU = 1.6  # Times the speed of fp32, where the hardware has it.
LOGITS_BYTES = 64 * 2**20  # A chunk's logits; gpt_exp/model/loss.py.
# Assumed where training the tokenizer will tell.
VOCAB_SIZES = {"character": 100, "byte": 257, "tiktoken": 50_257}
BYTES = {"64": 8, "32": 4, "16": 2, "bf16": 2}
# Numbers of fp32 that an optimizer keeps for each parameter; 2 (Adam's moments) for all others.
STATES = {"SGD": 1.0, "Adafactor": 0.1, "Muon": 1.0, "Lion": 1.0, "RMSprop": 1.0}


class Memory(NamedTuple):
    """Bytes of one device."""

    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        return sum(self)


class Cost(NamedTuple):
    """One training job's estimates."""

    tokens_per_step: int  # Of the last ones: a batch may grow.
    tokens: int
    flops: float
    memory: Memory
    micro_batch_size: int
    devices: int | None  # Of one node; None: decided at the start.
    world_size: int
    record: RecordLength | None  # None: every sequence fills the context.


def vocabulary(config: dict[str, Any]) -> tuple[int, bool]:
    """The number of tokens, and whether it is certain before the tokenizer is there."""
    for key in ("model.vocab_size", "tokenizer.vocab_size"):
        value = get(config, key)
        if isinstance(value, int) and value is not UNKNOWN:
            return value, key == "model.vocab_size" or not has_items(config)
    family = str(get(config, "tokenizer._target_", "")).rpartition(".")[0].rpartition(".")[2]
    return VOCAB_SIZES.get(family, 50_257), family == "byte"


def has_items(config: dict[str, Any]) -> bool:
    """Whether one of several tasks adds its items to the vocabulary."""
    return any(get(view, "task._target_") == OF_ITEMS for _, view in plainly_alone(config))


def of(config: dict[str, Any]) -> Cost | None:
    """The cost of a resolved config that has no problems; None for a family that tells no sizes."""
    shape = feasibility.shape(config, vocabulary(config)[0])
    return None if shape is None else estimate(config, shape)


def estimate(config: dict[str, Any], shape: Any) -> Cost:
    """The cost of a resolved config that has no problems."""
    devices, nodes = num_devices(config), get(config, "trainer.num_nodes", 1)
    world_size = (devices or 1) * nodes
    accumulate = get(config, "trainer.accumulate_grad_batches", 1)
    micro = max(1, config["batch_size"] // (world_size * accumulate))
    record = record_length(config, shape.context_length)
    mean, longest = (record.mean, record.longest) if record else (shape.context_length,) * 2
    tokens_per_step = round(config["batch_size"] * mean)
    alike = spans(config, shape.context_length)
    tokens = [span.num_steps * round(span.batch_size * mean) for span in alike]
    memory = _memory(config, shape, micro * longest / shape.context_length, world_size)
    lengths = [min(round(mean), span.context_length) for span in alike]
    flops = sum(n * shape.flops_per_token(length) for n, length in zip(tokens, lengths, strict=True))
    flops *= compute_share(config, shape)
    return Cost(tokens_per_step, sum(tokens), flops, memory, micro, devices, world_size, record)


def _memory(config: dict[str, Any], shape: Any, num_contexts: float, world_size: int) -> Memory:
    """`num_contexts`: a micro-batch's longest sequences, in sequences of full length."""
    precision = str(get(config, "trainer.precision", "32-true"))
    kept, computed = stored_bytes(precision), computed_bytes(precision, cpu=on_cpu(config))
    share = world_size if _sharded(config) else 1
    copy = computed if computed < kept else 0  # Autocast's copy of the weights.
    trained = num_trained(config, shape)
    return Memory(
        weights=shape.num_parameters * (kept + copy) / share,
        gradients=trained * kept / share,
        optimizer=4 * _optimizer_states(config, shape, trained) / share,
        activations=shape.activation_bytes(num_contexts, precision_bytes=computed) + LOGITS_BYTES,
    )


def _optimizer_states(config: dict[str, Any], shape: Any, trained: float) -> float:
    """How many numbers the optimizer keeps."""
    name = str(get(config, "optimizer._target_", "")).rpartition(".")[2]
    if name == "muon":  # AdamW for the embeddings.
        return trained + (shape.num_embedding_parameters if trained == shape.num_parameters else 0)
    return trained * STATES.get(name, 2.0)


def stored_bytes(precision: str) -> int:
    """Bytes of a weight: mixed precision keeps fp32."""
    return BYTES.get(precision.removesuffix("-true"), 4) if "mixed" not in precision else 4


def computed_bytes(precision: str, *, cpu: bool) -> int:
    """Bytes of an activation; `auto` is bf16 where the hardware has it."""
    if precision == "auto":
        return 2 if not cpu or cpu_has_fast_bf16() else 4
    return BYTES.get(precision.partition("-")[0], 4)


def on_cpu(config: dict[str, Any]) -> bool:
    accelerator = get(config, "trainer.accelerator", "auto")
    return accelerator == "cpu" or (accelerator == "auto" and gpu_here() is None)


def gpu_here() -> str | None:
    """The name of this machine's first NVIDIA GPU, from its driver."""
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        model = next((line for line in _read(file).splitlines() if line.startswith("Model:")), "")
        return model.removeprefix("Model:").strip()
    return None


def seconds(config: dict[str, Any], cost: Cost) -> tuple[dict[str, float], str]:
    """The expected time by device name, and what the estimate rests on."""
    if on_cpu(config):
        precision = str(get(config, "trainer.precision", "32-true"))
        peak = measured_cpu_flops() * (BF16_ON_CPU if computed_bytes(precision, cpu=True) == 2 else 1)
        basis = f"{peak / 1e9:,.0f} GFLOP/s measured, {CPU_UTILISATION:.0%} of it assumed"
        return {"this CPU": cost.flops / (peak * CPU_UTILISATION)}, basis
    here = gpu_here()
    known = [name for name in PEAK_BF16 if here and name in here] or list(ASKED_ABOUT)
    times = {name: cost.flops / (PEAK_BF16[name] * GPU_UTILISATION * cost.world_size) for name in known}
    return times, f"{GPU_UTILISATION:.0%} of the bf16 peak assumed, which small models do not reach"


@cache
def measured_cpu_flops(size: int = 768, limit: float = 0.05) -> float:
    """fp32 FLOP/s of a matrix product, from about 50 ms of them."""
    import numpy as np

    matrix = np.ones((size, size), dtype=np.float32)
    matrix @ matrix  # Starts the threads.
    best, began = float("inf"), perf_counter()
    while perf_counter() - began < limit:
        start = perf_counter()
        matrix @ matrix
        best = min(best, perf_counter() - start)
    return 2 * size**3 / best


def _sharded(config: dict[str, Any]) -> bool:
    strategy = get(config, "trainer.strategy", "")
    named = str(strategy.get("_target_", "") if isinstance(strategy, dict) else strategy).lower()
    return "fsdp" in named or "modelparallel" in named


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
