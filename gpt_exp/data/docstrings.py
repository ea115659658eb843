"""The standard library's docstrings as summarization: from the body to the first line."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gpt_exp.data.python_sources import statements, trees
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Docstrings(RecordSource):
    """Records {source, target} of docstrings that are a line, a blank line and a body; "group" is the file.

    PEP 257 makes that first line a summary that ends in a period. Bodies of fewer than `min_characters` say
    too little, and what stands in several places comes once.
    """

    def __init__(self, *, min_characters: int = 40, without: Sequence[str] = ()) -> None:
        if min_characters < 1:
            raise ValueError(f"data.min_characters={min_characters} must be at least 1")
        self._min_characters, self._without = min_characters, without

    def _read(self) -> Parts:
        """Raises ValueError where this Python was installed without its sources."""
        found = {(record["source"], record["target"]): record for record in self._records()}
        return {"train": list(found.values())}

    def _records(self) -> Iterator[Record]:
        for name, _, tree in trees(without=self._without):
            for docstring in _docstrings(tree):
                summary, _, body = docstring.partition("\n\n")
                is_line = summary.endswith(".") and "\n" not in summary
                if is_line and len(body := body.strip("\n")) >= self._min_characters:
                    yield {"source": body, "target": summary, "group": name}


def _docstrings(tree: ast.Module) -> Iterator[str]:
    for node in (tree, *statements(tree)):
        if isinstance(node, Documented) and (docstring := ast.get_docstring(node)):
            yield docstring
