"""What sources of records share: everything is read once, and its content is the fingerprint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

from gpt_exp.data import canonical
from gpt_exp.interfaces import Record

Parts = dict[str, list[Record]]


class RecordSource(ABC):
    """See `Records`. A subclass says how its records are read; it is cheap to make."""

    @abstractmethod
    def _read(self) -> Parts: ...

    @cached_property
    def _parts(self) -> Parts:
        return self._read()

    def read(self) -> Parts:
        return self._parts

    def fingerprint(self) -> str:
        return canonical.fingerprint(self._parts)
