"""A task's fields out of a file's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gpt_exp.interfaces import Record

Fields = Mapping[str, str | Sequence[str] | None]
Values = Mapping[str, Mapping[Any, Any]]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Columns:
    """Renames columns, and replaces values.

    `fields` names the column of each field. Of a list of columns a row may have one, whose value it is, or
    several, whose values are a list then: references to choose from. Null leaves the column of that name out;
    all other columns keep their names. `values` says what stands for what in a field, as in
    {label: {"0": negative, "1": positive}}; of one that is left out it says nothing.
    """

    def __init__(self, fields: Fields, values: Values = NOTHING) -> None:
        self._fields = dict(fields)
        self._taken = {name for column in fields.values() for name in _names(column)} | set(fields)
        self._values = {
            field: {str(old): new for old, new in table.items()}
            for field, table in values.items()
            if self._fields.get(field, field) is not None
        }

    def record(self, row: Mapping[str, Any], where: str) -> Record:
        """Raises ValueError with the place for a missing column or a value without a name."""
        record = {
            field: self._value(row, column, where)
            for field, column in self._fields.items()
            if column is not None
        }
        record |= {name: value for name, value in row.items() if name not in self._taken}
        for field, table in self._values.items():
            record[field] = _replaced(record, field, table, where)
        return record

    def _value(self, row: Mapping[str, Any], column: str | Sequence[str], where: str) -> Any:
        there = [name for name in _names(column) if row.get(name) is not None]
        if isinstance(column, str) and column in row:
            return row[column]
        if isinstance(column, str) or not there:
            raise ValueError(
                f"{where}: no column {' or '.join(_names(column))}; data.fields can name: {', '.join(row)}"
            )
        return row[there[0]] if len(there) == 1 else [row[name] for name in there]


def _names(column: str | Sequence[str] | None) -> Sequence[str]:
    if column is None:
        return ()
    return (column,) if isinstance(column, str) else column


def _replaced(record: Record, field: str, table: Mapping[str, Any], where: str) -> Any:
    if field not in record:
        raise ValueError(f"{where}: data.values names the field {field}; there are: {', '.join(record)}")
    if str(record[field]) not in table:
        raise ValueError(
            f"{where}: {field} {record[field]!r} is not in data.values.{field}: {', '.join(table)}"
        )
    return table[str(record[field])]
