"""Runs by what they were made of."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from gpt_exp.run.folder import RunFolder, run_folders
from gpt_exp.run.identity import identity


def find_run(outputs: Path, config: Any) -> Path | None:
    """The newest run under `outputs` with this config's identity; a sweep's job only where it is finished."""
    wanted = identity(config)
    runs = (run for run in run_folders(outputs) if _identity(RunFolder(run)) == wanted)
    return next((run for run in runs if not _is_of_sweep(run) or _is_finished(RunFolder(run))), None)


def finished_runs(outputs: Path, identities: Collection[str]) -> dict[str, Path]:
    """By identity, the newest run under `outputs` that has finished."""
    found: dict[str, Path] = {}
    for path in run_folders(outputs):
        folder = RunFolder(path)
        known = _identity(folder)
        wanted = known in identities and known not in found
        if known and wanted and _is_finished(folder):
            found[known] = path
    return found


def _is_of_sweep(run: Path) -> bool:
    return (run.parent / "sweep.json").is_file()


def _is_finished(folder: RunFolder) -> bool:
    return folder.status().get("state") == "finished"


def _identity(folder: RunFolder) -> str | None:
    return folder.identity.read_text().strip() if folder.identity.exists() else None
