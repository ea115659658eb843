"""The dashboard as a web application: its addresses, and what stands before all of them."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gpt_exp.dashboard import guard
from gpt_exp.dashboard.index import Index, Outputs
from gpt_exp.dashboard.overview import overview
from gpt_exp.dashboard.views import Views

TITLES = {404: "Not found", 403: "Refused", 409: "Not running", 500: "No page"}


def make_app(outputs: Outputs, *, refresh: int, names: guard.Names) -> Starlette:
    """The application; it answers to these names alone, so no other site's page can read it."""
    views = Views(outputs, refresh=refresh)

    def tell(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = TITLES.get(error.status_code, "This did not work")
        return HTMLResponse(views.message(title, error.detail), error.status_code)

    routes = [
        Route("/", views.runs),
        Route("/run/{id:path}", views.run),
        Route("/evaluation/{id:path}", views.evaluation),
        Route("/sweep/{id:path}", views.sweep),
        Route("/compare", views.compare),
        Route("/log/{id:path}", views.log),
        Route("/stop/{id:path}", views.stop, methods=["POST"]),
        Route("/plotly.min.js", views.plotly_script),
        Route("/favicon.ico", lambda request: Response(status_code=204)),
    ]
    middleware = [
        Middleware(guard.Policy, policy=guard.policy(_own_scripts(outputs))),
        Middleware(guard.Hosts, names=names),
        Middleware(GZipMiddleware, compresslevel=4),
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={HTTPException: tell})


def _own_scripts(outputs: Outputs) -> list[str]:
    """The sha256 of the scripts in our own templates, of a page that holds nothing of a user's."""
    page = overview(Index(), outputs.objective, outputs="", chosen=[], figures={}, script="", live=1)
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    return [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
