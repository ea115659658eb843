"""What sets runs apart: config, code, machine; what is the same in all of them is left out."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from gpt_exp.page.comparison import Compared
from gpt_exp.run.folder import read_json
from gpt_exp.run.identity import is_runtime

ABBREVIATED_COMMIT = 12


class Difference(NamedTuple):
    """Something that is not the same in all runs; None where a run lacks it."""

    name: str
    values: list[str | None]
    is_runtime: bool = False  # How a run is carried out, not what it learns.


def config_differences(runs: Sequence[Compared]) -> list[Difference]:
    """The dotted keys that differ, those that change what is learnt first."""
    keys = sorted({key for run in runs for key in run.config}, key=lambda key: (is_runtime(key), key))
    rows = [
        Difference(
            key,
            [_text(run.config[key]) if key in run.config else None for run in runs],
            is_runtime(key),
        )
        for key in keys
    ]
    return _differing(rows)


def code_differences(runs: Sequence[Compared]) -> list[Difference]:
    """Commits and uncommitted changes."""
    states = [read_json(run.folder.git) for run in runs]
    rows = {
        "commit": [str(git.get("commit") or "")[:ABBREVIATED_COMMIT] or None for git in states],
        "changed files": [_changes(git) for git in states],
        "git.patch": [_patch(run.folder.patch) for run in runs],
    }
    return _differing([Difference(name, values) for name, values in rows.items()])


def environment_differences(runs: Sequence[Compared]) -> list[Difference]:
    """Machine, Python and packages."""
    environments = [read_json(run.folder.environment) for run in runs]
    packages = [each.get("packages") or {} for each in environments]
    rows = {
        **{name: [each.get(name) for each in packages] for name in dict.fromkeys(chain(*packages))},
        "Python": [each.get("python") for each in environments],
        "system": [each.get("platform") for each in environments],
        "machine": [each.get("hostname") for each in environments],
        "processor": [each.get("cpu") for each in environments],
        "GPU": [", ".join(each.get("gpus") or []) or None for each in environments],
    }
    return _differing([Difference(name, values) for name, values in rows.items()])


def _text(value: Any) -> str:
    """A string as it stands, unless that would read as a number or null."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            json.loads(value)
            return text
        return value
    return text


def _changes(git: Mapping[str, Any]) -> str | None:
    files = [line[3:] for line in git.get("status") or []]
    return ", ".join(files[:6]) + f" and {len(files) - 6} more" * (len(files) > 6) if files else None


def _patch(patch: Path) -> str | None:
    """Enough to see whether two are the same."""
    if not patch.exists():
        return None
    text = patch.read_bytes()
    return f"{len(text.splitlines()):,} lines, sha256 {hashlib.sha256(text).hexdigest()[:8]}"


def _differing(rows: Sequence[Difference]) -> list[Difference]:
    return [row for row in rows if len(set(row.values)) > 1]
