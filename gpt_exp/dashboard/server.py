"""Serves an application on a port that is free, until Ctrl-C."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser

import uvicorn
from starlette.types import ASGIApp

from gpt_exp.errors import UserError

NUM_PORTS = 50  # Tried from the one that was asked for.
NO_PORT = 65536  # The first number that is none.


def listen(host: str, port: int) -> socket.socket:
    """A socket on this port or, where another program has it, on one of the next; port 0 is any."""
    for number in range(port, min(port + NUM_PORTS, NO_PORT)) if port else [0]:
        try:
            return _bound(host, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"host={host} port={number}: {error.strerror or error}") from error
    raise UserError(f"port={port}: it and those after it are taken; port=0 takes any")


def address(listening: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Answer until SIGINT or SIGTERM; requests that are being answered get a moment."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises the signal again once it has ended.
        pass
    finally:
        listening.close()


def open_browser(url: str, wanted: bool | str) -> None:
    """Show the page; `auto`: where there is a screen, and not over SSH or from a script."""
    if wanted is True or (wanted == "auto" and _has_screen()):
        threading.Timer(0.5, webbrowser.open, [url]).start()


def _has_screen() -> bool:
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
