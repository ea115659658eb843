"""Which run a config describes: equal identity, equal weights at the end (as far as machines allow)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf

# How and where a run is carried out, not what it learns: these may change when it is resumed. A key stands
# for everything below it. Any other key is part of the run's identity, so a new part is safe from the start.
RUNTIME_KEYS = (
    "resume",
    "name",
    "paths",
    "hydra",
    "sweep",
    "logger",
    "num_workers",
    "compile",
    "callback.progress",
    "callback.checkpoint",
    "callback.samples",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.accumulate_grad_batches",  # The batch of one step stays: it is cut into more or fewer pieces.
    "trainer.limit_test_batches",
    "trainer.log_every_n_steps",
    "trainer.profiler",
)
ABSENT = "<absent>"


def identity(config: Any) -> str:
    """A sha256 over the config without its runtime keys."""
    return hashlib.sha256(json.dumps(_identity_values(config), sort_keys=True).encode()).hexdigest()


def differences(first: Any, second: Any) -> list[str]:
    """The dotted identity keys in which two configs differ, sorted."""
    a, b = _identity_values(first), _identity_values(second)
    return sorted(key for key in a.keys() | b.keys() if a.get(key, ABSENT) != b.get(key, ABSENT))


def flat(config: Any, *, resolve: bool = True) -> dict[str, Any]:
    """Every value of a config by its dotted key."""
    return dict(_leaves(OmegaConf.to_container(OmegaConf.create(config), resolve=resolve)))


def _identity_values(config: Any) -> dict[str, Any]:
    return {key: value for key, value in flat(config).items() if not is_runtime(key)}


def is_runtime(key: str) -> bool:
    """Whether a dotted key may change when a run is resumed."""
    return any(key == runtime or key.startswith(f"{runtime}.") for runtime in RUNTIME_KEYS)


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, float) and value.is_integer():
        yield prefix, int(value)  # 1 and 1.0 are one setting.
    else:
        yield prefix, value
