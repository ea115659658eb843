"""Other libraries' own pages on the same runs: TensorBoard, trackio, Optuna."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from socket import create_connection
from socketserver import ThreadingMixIn
from time import sleep
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from gpt_exp.dashboard import guard
from gpt_exp.dashboard.copying import again_and_again
from gpt_exp.dashboard.server import address, listen, serve
from gpt_exp.errors import UserError

PACKAGES = {"tensorboard": "tensorboard", "trackio": "trackio", "optuna": "optuna-dashboard"}
START_SECONDS = 60.0  # That TensorBoard may take to answer.


class Place(NamedTuple):
    """What is shown, and where."""

    outputs: Path
    host: str
    port: int
    refresh: int
    ready: Callable[[str], None]  # Told the address once it answers.


def open_other(ui: str, place: Place) -> None:
    """Serve a library's own page until Ctrl-C; raises UserError where it is not installed."""
    package = PACKAGES[ui]
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        raise UserError(f"ui={ui} needs pip install {package}")
    {"tensorboard": _tensorboard, "trackio": _trackio, "optuna": _optuna}[ui](place)


def _tensorboard(place: Place) -> None:
    from gpt_exp.dashboard.tensorboard_ui import event_copier, tensorboard_process

    again_and_again(event_copier(place.outputs).copy, place.refresh)
    with listen(place.host, place.port) as listening:  # Only to find a port that is free.
        url, port = address(listening), listening.getsockname()[1]
    with tempfile.TemporaryFile() as errors:
        process = tensorboard_process(place.outputs, place.host, port, errors)
        try:
            if _answers(process, url):
                place.ready(url)
            if process.wait():
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise UserError(f"tensorboard ended: {' '.join(last)}")
        except KeyboardInterrupt:
            pass
        finally:
            process.terminate()
            process.wait()


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until something listens; False where the process has ended."""
    place = urlsplit(url)
    for _ in range(int(START_SECONDS / 0.1)):
        if process.poll() is not None:
            return False
        try:
            create_connection((place.hostname, place.port), timeout=1).close()
            return True
        except OSError:
            sleep(0.1)
    raise UserError(f"tensorboard does not answer at {url}")


def _trackio(place: Place) -> None:
    from gpt_exp.dashboard.trackio_ui import trackio_app

    app, copier = trackio_app(place.outputs, place.host)
    again_and_again(copier.copy, place.refresh)
    listening = listen(place.host, place.port)
    place.ready(address(listening))
    serve(app, listening)


def _optuna(place: Place) -> None:
    from optuna_dashboard import wsgi

    from gpt_exp.dashboard.optuna_ui import Studies

    studies = Studies(place.outputs)
    studies.copy()
    again_and_again(studies.copy, place.refresh)
    listening = listen(place.host, place.port)
    server = _Server(listening.getsockname(), _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = listening.getsockname()[:2]
    server.setup_environ()
    server.set_app(_local(wsgi(studies.storage), place.host))
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


def _local(app: Any, host: str) -> Any:
    """Refuse, on the loopback, who calls this machine by another name, as our own pages do."""
    if not guard.is_loopback(host):
        return app

    def guarded(environ: dict[str, Any], start_response: Any) -> Any:
        if guard.host_name(environ.get("HTTP_HOST", "")) in (*guard.LOOPBACK, host):
            return app(environ, start_response)
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [b"Invalid host header"]

    return guarded
