"""Where a key was written: on the command line, or in which line of which file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml
from hydra.core.override_parser.types import Override

from gpt_exp.config.location import shown


class Layer(NamedTuple):
    """One file of a composed config, and the node that it fills ("" is the whole)."""

    file: Path
    package: str


def origin(key: str, overrides: Iterable[Override], layers: list[Layer]) -> str:
    """ "command line", "conf/model/gpt2.yaml:3", or "" where the key was never written."""
    given = [override.key_or_group for override in overrides]
    if any(name == key or name.startswith(f"{key}.") for name in given):
        return "command line"
    for layer in reversed(layers):
        if layer.package == key:
            return shown(layer.file)
        line = _line_in(layer, key)
        if line is not None:
            return f"{shown(layer.file)}:{line}"
    parent = key.rpartition(".")[0]
    return origin(parent, [o for o in overrides if o.key_or_group == parent], layers) if parent else ""


def _line_in(layer: Layer, key: str) -> int | None:
    if layer.package:
        if not key.startswith(f"{layer.package}."):
            return None
        key = key.removeprefix(f"{layer.package}.")
    return line_of(layer.file, key)


def line_of(file: Path, key: str) -> int | None:
    """The line, from 1, where a YAML file writes a dotted key."""
    with file.open() as text:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    line = None
    for part in key.split("."):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((pair for pair in pairs if pair[0].value == part), None)
        if found is None:
            return None
        line, node = found[0].start_mark.line + 1, found[1]
    return line
