"""The key of an override as it is written on a command line."""

from __future__ import annotations


def key_of(override: str) -> str:
    """`++model.dropout=0.1` is of `model.dropout`."""
    return override.partition("=")[0].lstrip("+~")
