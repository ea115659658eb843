"""Translations of user interfaces that installed packages bring along: gettext's compiled catalogs."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from gpt_exp.data.record_source import Parts, RecordSource
from gpt_exp.interfaces import Record

ENGLISH = "en"  # What programs are written in: the messages' own keys.
CONTEXT_END = "\x04"  # Stands between a message's context and its text.
Catalog = dict[str | tuple[str, int], str]  # Plurals are keyed by singular and number.


class GettextCatalogs(RecordSource):
    """Records {source, target} of all messages with a translation; equal sources are one "group".

    Languages are folders of `locale`, as de or pt_BR; of a message with plural forms the singular is read.
    """

    def __init__(self, *, packages: Sequence[str], source: str = ENGLISH, target: str = "de") -> None:
        if not packages:
            raise ValueError("data.packages is empty: name installed packages, as [django]")
        if source == target:
            raise ValueError(f"data.source and data.target are both {source}")
        self._packages, self._source, self._target = list(packages), source, target

    def check(self) -> None:
        """Raises ValueError for a package that is not installed."""
        for package in self._packages:
            _folder(package)

    def _read(self) -> Parts:
        """Raises ValueError for a package that is not installed or lacks one of the languages."""
        folders = [_folder(package) for package in self._packages]
        found = {(record["source"], record["target"]): record for record in self._records(folders)}
        return {"train": list(found.values())}

    def _records(self, folders: list[Path]) -> Iterator[Record]:
        target = _catalog(folders, self._target)
        source = None if self._source == ENGLISH else _catalog(folders, self._source)
        for key, translation in target.items():
            message = _message(key) if source is None else source.get(key)
            if message and translation:
                yield {"source": message, "target": translation, "group": message}


def _folder(package: str) -> Path:
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"data.packages: {package} is not installed: pip install {package}; "
            "'gpt-exp[data]' brings django along"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _catalog(folders: list[Path], language: str) -> Catalog:
    """All messages of a language, the first one's where a key is there twice."""
    files = [file for folder in folders for file in sorted(folder.rglob(f"{language}/LC_MESSAGES/*.mo"))]
    if not files:
        there = {file.parts[-3] for folder in folders for file in folder.rglob("*/LC_MESSAGES/*.mo")}
        known = f"there are: {', '.join(sorted(there))}" if there else "nor for any other"
        raise ValueError(f"{', '.join(map(str, folders))} holds no catalog for {language!r}; {known}")
    merged: Catalog = {}
    for file in reversed(files):
        with file.open("rb") as opened:
            merged |= vars(gettext.GNUTranslations(opened))["_catalog"]  # There is no public way to list it.
    wanted = {key: text for key, text in merged.items() if not isinstance(key, tuple) or key[1] == 0}
    return {key: text for key, text in sorted(wanted.items(), key=lambda item: repr(item[0])) if key}


def _message(key: str | tuple[str, int]) -> str:
    text = key[0] if isinstance(key, tuple) else key
    return text.rpartition(CONTEXT_END)[2]
