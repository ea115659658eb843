"""Whether the packages of an extra are there, told before any data are read."""

from __future__ import annotations

from importlib.util import find_spec


def check_installed(what: str, *packages: str, extra: str) -> None:
    """ValueError where a package is missing; none of them is imported."""
    if any(find_spec(package) is None for package in packages):
        raise ValueError(f"{what} needs pip install 'gpt-exp[{extra}]'")
