"""The standard library's functions as code to write: from signature and docstring to the body."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gpt_exp.data.columns import NOTHING, Columns, Fields
from gpt_exp.data.python_sources import statements, trees
from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

INDENT = 4
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Functions(RecordSource):
    """Records {signature, docstring, body, name} of documented functions; "group" is the file.

    The signature starts at the margin and ends in a colon, the body is indented by four columns: joined by a
    line break they are a function. Those of `max_characters` or more are left out, and what stands in several
    places comes once. `fields` gives them other names (see `Columns`).
    """

    def __init__(
        self, *, max_characters: int = 1200, without: Sequence[str] = (), fields: Fields = NOTHING
    ) -> None:
        if max_characters < 1:
            raise ValueError(f"data.max_characters={max_characters} must be at least 1")
        self._max_characters, self._without = max_characters, without
        self._columns = Columns(fields)

    def _read(self) -> Parts:
        """Raises ValueError where this Python was installed without its sources."""
        found = {(record["signature"], record["body"]): record for record in self._records()}
        return {"train": [self._columns.record(each, "data") for each in found.values()]}

    def _records(self) -> Iterator[Record]:
        for file, source, tree in trees(without=self._without):
            lines = source.split("\n")
            for node in statements(tree):
                if isinstance(node, Function) and (record := self._record(node, lines)):
                    yield {**record, "group": file}

    def _record(self, node: Function, lines: list[str]) -> Record | None:
        """None for a function without a docstring, without more than that, or of an unusual form."""
        docstring = ast.get_docstring(node)
        if not docstring or not _is_usual(node):
            return None
        whole = lines[node.lineno - 1 : node.end_lineno]
        if any(line[: node.col_offset].strip() for line in whole):
            return None  # A string that goes on left of the function can't be moved to the margin.
        own = [line[node.col_offset :] for line in whole]
        if sum(len(line) + 1 for line in own) >= self._max_characters:
            return None
        start, end = _docstring_lines(node)
        signature, body = own[: start - node.lineno], own[end - node.lineno + 1 :]
        return {
            "signature": "\n".join(signature),
            "docstring": docstring,
            "body": "\n".join(body).strip("\n"),
            "name": node.name,
        }


def _is_usual(node: Function) -> bool:
    """Whether docstring and statements have lines of their own, indented by four columns."""
    if len(node.body) < 2:
        return False
    (start, end), first = _docstring_lines(node), node.body[1]
    return node.lineno < start and end < first.lineno and first.col_offset == node.col_offset + INDENT


def _docstring_lines(node: Function) -> tuple[int, int]:
    docstring = node.body[0]
    return docstring.lineno, docstring.end_lineno or docstring.lineno
