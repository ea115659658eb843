"""Loading with Hugging Face's `datasets`: from the hub, a local folder, or files of a format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpt_exp.data.installed import check_installed

DataFiles = str | Sequence[str] | Mapping[str, str]


def check() -> None:
    """ValueError without the package."""
    check_installed("data of Hugging Face's datasets", "datasets", extra="datasets")


def load(
    path: str,
    *,
    name: str | None = None,
    split: str | None = None,
    data_files: DataFiles | None = None,
    streaming: bool = False,
) -> Any:
    """A dataset, or without `split` a mapping of all. ValueError in one line for whatever goes wrong."""
    check()
    import datasets

    expanded = str(Path(path).expanduser()) if path.startswith("~") else path
    options = {"name": name, "split": split, "data_files": _plain(data_files), "streaming": streaming}
    try:
        return datasets.load_dataset(expanded, **options)
    except Exception as error:  # Whatever the library, the network or a format's reader raises.
        raise ValueError(f"data.path={expanded}: {type(error).__name__}: {_first_line(error)}") from None


def _plain(data_files: DataFiles | None) -> Any:
    """Lists and dicts as the library wants them, whatever mapping or sequence the config gave."""
    if isinstance(data_files, Mapping):
        return dict(data_files)
    return data_files if data_files is None or isinstance(data_files, str) else list(data_files)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
