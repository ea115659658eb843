"""Other libraries' own pages on the same runs: TensorBoard, trackio, Optuna."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from gpt_exp.dashboard import guard
from gpt_exp.dashboard.copying import again_and_again
from gpt_exp.dashboard.server import address, listen, serve
from gpt_exp.errors import UserError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PACKAGES = {"tensorboard": "tensorboard", "trackio": "trackio", "optuna": "optuna-dashboard"}


class Place(NamedTuple):
    """What is shown, and where."""

    outputs: Path
    host: str
    port: int
    refresh: int
    ready: Callable[[str], None]  # Told the address once it answers.
    allow: Sequence[str] = ()  # More names of it.

    def names(self) -> guard.Names:
        return guard.Names(self.host, self.allow)


def open_other(ui: str, place: Place) -> None:
    """Serve a library's own page until Ctrl-C; raises UserError where it is not installed."""
    package = PACKAGES[ui]
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        raise UserError(f"ui={ui} needs pip install {package}")
    {"tensorboard": _tensorboard, "trackio": _trackio, "optuna": _optuna}[ui](place)


def _tensorboard(place: Place) -> None:
    from gpt_exp.dashboard.tensorboard_ui import EventCopies, tensorboard_app

    again_and_again(EventCopies(place.outputs).copy, place.refresh)
    _serve_wsgi(tensorboard_app(place.outputs), place)


def _trackio(place: Place) -> None:
    from gpt_exp.dashboard.trackio_ui import trackio_app

    app, copier = trackio_app(place.outputs)
    again_and_again(copier.copy, place.refresh)
    listening = listen(place.host, place.port)
    place.ready(address(listening))
    serve(guard.Hosts(app, place.names()), listening)


def _optuna(place: Place) -> None:
    from optuna_dashboard import wsgi

    from gpt_exp.dashboard.optuna_ui import Studies

    studies = Studies(place.outputs)
    studies.copy()
    again_and_again(studies.copy, place.refresh)
    _serve_wsgi(wsgi(studies.storage), place)


def _serve_wsgi(app: WSGIApplication, place: Place) -> None:
    """Answer until SIGINT or SIGTERM."""
    listening = listen(place.host, place.port)
    server = _Server(listening.getsockname(), _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = listening.getsockname()[:2]
    server.setup_environ()
    server.set_app(_guarded(app, place.names()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place.ready(address(listening))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing for each request."""


def _guarded(app: WSGIApplication, names: guard.Names) -> WSGIApplication:
    """As `guard.Hosts`."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if (why := names.refusal(environ.get("HTTP_HOST", ""))) is None:
            return app(environ, start_response)
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [why.encode()]

    return answer
