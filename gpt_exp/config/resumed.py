"""`resume=FOLDER` means that run's own command line, with what is said now added."""

from __future__ import annotations

import yaml

from gpt_exp.config.override_key import key_of
from gpt_exp.run.folder import RunFolder


def with_saved(overrides: list[str]) -> list[str]:
    """The overrides that a resumed run was made with, then the new ones; of one key the new one counts."""
    folder = next((text.partition("=")[2] for text in overrides if text.startswith("resume=")), "")
    if folder in ("", "auto", "null"):
        return overrides
    saved = yaml.safe_load(RunFolder.open(folder).overrides.read_text())
    said = {key_of(text) for text in overrides}
    return [*(text for text in saved if key_of(text) not in said), *overrides]
