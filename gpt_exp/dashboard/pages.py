"""Pages that are made only when they would be other ones than last time."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import thread_time
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

NUM_KEPT = 16  # Pages: windows that are open at once, more or less.
MAX_SHARE = 0.03  # Of a core, for keeping one open page fresh.


class Page(NamedTuple):
    tag: str
    text: str
    seconds: float  # That it took to make,
    before: float  # and the one before.


class Pages:
    """The last pages by address, and how often each may be asked for."""

    def __init__(self, refresh: int) -> None:
        self._refresh = refresh
        self._kept: OrderedDict[str, Page] = OrderedDict()
        self._lock = Lock()
        self._server = secrets.token_hex(4)  # Another server, another program: no page outlives it.

    def answer(self, request: Request, state: object, make: Callable[[int], str]) -> Response:
        """The page that `make` gives, told the seconds to its refresh; `state` is all that it depends on."""
        address = str(request.url)
        tag = f'"{hashlib.sha256(f"{self._server} {address} {state}".encode()).hexdigest()[:24]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}  # Kept by the browser, and always asked about.
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        page = self._get(address)
        if page is None or page.tag != tag:
            began = thread_time()
            text = make(self._live(page))
            before = page.seconds if page is not None else 0.0
            page = self._keep(address, Page(tag, text, thread_time() - began, before))
        return HTMLResponse(page.text, headers=headers)

    def _live(self, last: Page | None) -> int:
        """Seconds between refreshes: more for a page that took long twice; the first time is no measure."""
        usual = min(last.seconds, last.before) if last is not None else 0.0
        return max(self._refresh, math.ceil(usual / MAX_SHARE))

    def _get(self, address: str) -> Page | None:
        with self._lock:
            return self._kept.get(address)

    def _keep(self, address: str, page: Page) -> Page:
        with self._lock:
            self._kept[address] = page
            self._kept.move_to_end(address)
            if len(self._kept) > NUM_KEPT:
                self._kept.popitem(last=False)
        return page
