"""The standard library's imports as recommendation: which module a file that imports these needs next."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gpt_exp.data.leave_one_out import leave_one_out
from gpt_exp.data.python_sources import statements, trees
from gpt_exp.data.record_source import Parts, RecordSource


class Imports(RecordSource):
    """Records {user, items, target}, split by `leave_one_out`: a file, and the modules it imports.

    They stand in the order in which the file names them first, by their full dotted names.
    """

    def __init__(self, *, without: Sequence[str] = ()) -> None:
        self._without = without

    def _read(self) -> Parts:
        """Raises ValueError where this Python was installed without its sources."""
        files = ((name, _modules(tree, name)) for name, _, tree in trees(without=self._without))
        return leave_one_out((name, modules) for name, modules in files if modules)


def _modules(tree: ast.Module, file: str) -> list[str]:
    nodes = [node for node in statements(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = dict.fromkeys(module for node in nodes for module in _named(node, file))
    return [module for module in found if module != "__future__"]  # A switch of the language.


def _named(node: ast.Import | ast.ImportFrom, file: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    package = file.split("/")[: -node.level] if node.level else []
    base = ".".join([*package, *([node.module] if node.module else [])])
    if node.module:
        yield base
    else:  # from . import a, b
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
