"""TensorBoard's own page on all runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gpt_exp.dashboard.copying import Copier, Logged, News
from gpt_exp.run import durable
from gpt_exp.run.folder import RunFolder, read_json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

COPIES = Path("cache", "tensorboard")  # Under outputs, of runs that were logged without TensorBoard.
COPIED = "copied.json"  # Beside a copy that is whole: the sizes of the files that it was made of.


def tensorboard_app(outputs: Path) -> WSGIApplication:
    """Its own application, for a server that knows who may ask."""
    from tensorboard import default, program

    class Application(program.TensorBoardServer):
        """In place of TensorBoard's own server, which answers everybody."""

        def __init__(self, wsgi_app: WSGIApplication, flags: object) -> None:
            made.append(wsgi_app)

        def serve_forever(self) -> None:
            pass

        def get_url(self) -> str:
            return ""

    made: list[WSGIApplication] = []
    board = program.TensorBoard(default.get_plugins(), server_class=Application)
    board.configure(argv=["", "--logdir", str(outputs)])
    board.launch()
    return made[0]


class EventCopies:
    """Event files of runs that have none, under the outputs' cache."""

    def __init__(self, outputs: Path) -> None:
        self._copies = outputs / COPIES
        self._copier = Copier(outputs, self._is_wanted, self._write)
        self._open: dict[str, _Open] = {}  # A thread each, hence only of runs that go on.

    def copy(self) -> None:
        self._copier.copy()
        for id in list(self._open):
            self._close_ended(id)

    def _is_wanted(self, id: str, folder: RunFolder) -> bool:
        return not any(folder.path.glob("**/events.out.tfevents.*")) and not self._is_copied(id, folder)

    def _is_copied(self, id: str, folder: RunFolder) -> bool:
        """Whether a run that has ended was copied as it is, to its end."""
        return folder.state() != "running" and read_json(self._copies / id / COPIED) == folder.logged()

    def _write(self, news: News) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        place = self._copies / news.id
        if news.is_first:
            self._close(news.id)
            shutil.rmtree(place, ignore_errors=True)
        known = self._open.get(news.id)
        writer = known.writer if known is not None else EventFileWriter(str(place))
        self._open[news.id] = _Open(news, writer)
        (place / COPIED).unlink(missing_ok=True)
        for logged in news.lines:
            writer.add_event(_event(logged))
        writer.flush()
        self._close_ended(news.id)

    def _close_ended(self, id: str) -> None:
        """A run that is resumed gets another file beside the first."""
        news = self._open[id].news
        if news.folder.state() != "running":
            self._close(id)
            durable.write_file(self._copies / id / COPIED, json.dumps(news.sizes))

    def _close(self, id: str) -> None:
        if (known := self._open.pop(id, None)) is not None:
            known.writer.close()


class _Open(NamedTuple):
    news: News  # The last.
    writer: Any


def _event(logged: Logged) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in logged.values.items()]
    return Event(wall_time=logged.time, step=logged.step, summary=Summary(value=values))
