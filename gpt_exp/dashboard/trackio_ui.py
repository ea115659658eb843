"""trackio's own page on all runs; nothing of it asks the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp

from gpt_exp.dashboard.copying import Copier, Logged, News
from gpt_exp.logger.description import hyperparameters, run_name
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import SweepFolder

PROJECT = "gpt-exp"
# Each would make trackio look elsewhere than on this machine.
ELSEWHERE = ("SPACE_ID", "SERVER_URL", "DATASET_ID", "BUCKET_ID", "REGISTRY_BUCKET_ID")


def trackio_app(outputs: Path) -> tuple[ASGIApp, Copier]:
    """trackio's application over its folder, and what copies runs into that which were not logged there."""
    keep_local(outputs)
    from trackio.server import build_starlette_app_only

    app, _ = build_starlette_app_only()

    def wanted(id: str, folder: RunFolder) -> bool:
        own = _own_id(folder)
        return own is None or own not in _known_runs()

    return app, Copier(outputs, wanted, _write)


def keep_local(outputs: Path) -> None:
    """Before trackio is imported: its folder is the one that `logger=[trackio]` writes to."""
    for name in ELSEWHERE:
        os.environ.pop(f"TRACKIO_{name}", None)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TRACKIO_DIR", str(outputs.absolute() / "trackio"))


def _write(news: News) -> None:
    """A line that was copied before, also by an earlier dashboard, is not copied again."""
    from trackio.sqlite_storage import SQLiteStorage

    run_id = hashlib.sha256(news.id.encode()).hexdigest()[:32]
    SQLiteStorage.bulk_log(
        project=PROJECT,
        run=run_name(news.folder),
        run_id=run_id,
        metrics_list=[each.values for each in news.lines],
        steps=[each.step for each in news.lines],
        timestamps=[datetime.fromtimestamp(each.time, UTC).isoformat() for each in news.lines],
        log_ids=[_line_id(run_id, each) for each in news.lines],
        config=_config(news.folder),
    )


def _line_id(run_id: str, logged: Logged) -> str:
    text = json.dumps([run_id, logged.step, logged.values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _config(folder: RunFolder) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # Ten times as fast as OmegaConf.
    config = yaml.load(folder.config_file.read_bytes(), loader)
    sweep = SweepFolder(folder.path.absolute().parent)
    return {**hyperparameters(config), "_Group": sweep.name if sweep.asked_file.exists() else None}


def _known_runs() -> set[str | None]:
    """The ids of the runs that trackio's folder has."""
    from trackio.sqlite_storage import SQLiteStorage

    return {run["id"] for run in SQLiteStorage.get_run_records(PROJECT)}


def _own_id(folder: RunFolder) -> str | None:
    """Of a run that was logged with trackio, here or on the machine that it was copied from."""
    file = folder.path / "trackio_run_id"
    return file.read_text().strip() if file.exists() else None
