"""Who may ask for what: a page of another site must neither read the dashboard nor stop a run through it."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
LONGEST_FORM = 10_000  # Bytes.


class Headers:
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


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


def host_name(header: str) -> str:
    """The host of a Host header, without its port."""
    return urlsplit(f"//{header}").hostname or ""


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
