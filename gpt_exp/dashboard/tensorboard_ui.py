"""TensorBoard's own page on all runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from gpt_exp.dashboard.copying import Copier, Logged
from gpt_exp.run.folder import RunFolder

COPIES = Path("cache", "tensorboard")  # Under outputs, of runs that were logged without TensorBoard.


def tensorboard_process(outputs: Path, host: str, port: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """The server, and where it writes what goes wrong."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(outputs), "--host", host]
    return subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=errors)


def event_copier(outputs: Path) -> Copier:
    """Writes event files of runs that have none."""
    copies = outputs / COPIES
    writers: dict[str, Any] = {}

    def wanted(id: str, folder: RunFolder) -> bool:
        return not any(folder.path.glob("**/events.out.tfevents.*")) and not _is_copied(copies / id, folder)

    def write(id: str, folder: RunFolder, new: list[Logged]) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if id not in writers:
            shutil.rmtree(copies / id, ignore_errors=True)
            writers[id] = EventFileWriter(str(copies / id))
        for logged in new:
            writers[id].add_event(_event(logged))
        writers[id].flush()

    return Copier(outputs, wanted, write)


def _is_copied(copy: Path, folder: RunFolder) -> bool:
    """Whether a run that has ended was copied as it is."""
    times = [file.stat().st_mtime for file in copy.glob("events.out.tfevents.*")]
    logged = [file.stat().st_mtime for file in (folder.metrics, folder.speed) if file.exists()]
    return bool(times) and folder.state() != "running" and max(times) > max(logged, default=0.0)


def _event(logged: Logged) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in logged.values.items()]
    return Event(wall_time=logged.time, step=logged.step, summary=Summary(value=values))
