"""`resume=FOLDER` means that run's own command line, with what is said now added."""

from __future__ import annotations

import yaml

from gpt_exp.run.folder import RunFolder


def with_saved(overrides: list[str]) -> list[str]:
    """The overrides that a resumed run was made with, then the new ones; of one key the new one counts."""
    folder = next((text.partition("=")[2] for text in overrides if text.startswith("resume=")), "")
    if folder in ("", "auto", "null"):
        return overrides
    saved = yaml.safe_load(RunFolder.open(folder).overrides.read_text())
    said = {_key(text) for text in overrides}
    return [*(text for text in saved if _key(text) not in said), *overrides]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")
