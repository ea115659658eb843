"""Who may ask for what: a page of another site must neither read the dashboard nor stop a run through it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LONGEST_FORM = 10_000  # Bytes.


class Policy:
    """What every answer says: nothing from elsewhere, in no frame of another site, no guess at its type."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def policy(script_hashes: list[str]) -> str:
    """The content security policy: our own scripts run, and nothing else does or leaves the page.

    Plotly's parallel coordinates make functions of texts (WebGL by regl), hence unsafe-eval.
    """
    scripts = " ".join(f"'sha256-{each}'" for each in script_hashes)
    return (
        f"default-src 'none'; script-src 'self' 'unsafe-eval' {scripts}; style-src 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'none'"
    )


class Names:
    """What this server may be called.

    A name that another site has pointed at this machine would make its page one of ours (DNS rebinding).
    """

    def __init__(self, host: str, allow: Sequence[str] = ()) -> None:
        self._is_open = not is_loopback(host)
        own = (socket.gethostname(), socket.getfqdn()) if self._is_open else ()
        self._known = {name.lower() for name in (*LOOPBACK, host, *own, *allow)}

    def refusal(self, header: str) -> str | None:
        """Why a Host header is not answered; None where it is. An address is nobody's name."""
        name = _host_name(header)
        if name in self._known or (self._is_open and _is_address(name)):
            return None
        return f"This dashboard is not called {name!r}. If that is its name, start it with allow=[{name}]."


class Hosts:
    """Answers only who calls the server by one of its names."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] in ("http", "websocket")  # Else the server starts or ends.
        why = self._names.refusal(Headers(scope=scope).get("host", "")) if asks else None
        await (self._app if why is None else PlainTextResponse(why, 400))(scope, receive, send)


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


def _host_name(header: str) -> str:
    """The host of a Host header, without its port."""
    with suppress(ValueError):
        return urlsplit(f"//{header}").hostname or ""
    return ""


def _is_address(name: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(name))
    return False


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; empty where it is larger than any of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def refusal(request: Request, fields: dict[str, str], token: str) -> str | None:
    """Why a POST is not from one of our own pages; None where it is."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return "it came from a page of another site"
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return f"it came from a page of {origin}"
    if not secrets.compare_digest(fields.get("token", "").encode(), token.encode()):
        return "the page is of an earlier start of the dashboard: load it again"
    return None
