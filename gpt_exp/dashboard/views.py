"""What the dashboard answers at each address: the same pages as the reports, made when they are asked for."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time, time_ns

import plotly
from plotly.offline import get_plotlyjs
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from gpt_exp.dashboard import guard
from gpt_exp.dashboard.curves import MOST, Curves
from gpt_exp.dashboard.follow import Kept
from gpt_exp.dashboard.index import Outputs
from gpt_exp.dashboard.overview import address, overview
from gpt_exp.dashboard.pages import Pages
from gpt_exp.dashboard.run_entry import RunEntry
from gpt_exp.dashboard.sweep_entry import SweepEntry
from gpt_exp.page.compare import compare_page
from gpt_exp.page.evaluation import evaluation_page
from gpt_exp.page.judged import summary_file
from gpt_exp.page.render import render
from gpt_exp.page.run import run_page
from gpt_exp.page.sweep import sweep_page
from gpt_exp.run import stop_request
from gpt_exp.run.folder import RunFolder
from gpt_exp.run.tail import end
from gpt_exp.sweep.folder import Objective, SweepFolder
from gpt_exp.sweep.leaderboard import Logged, logged

REASON = "stopped from the dashboard"
SCRIPT = f"/plotly.min.js?v={plotly.__version__}"
LOG_BYTES = 200_000  # Of the end of a log.
NUM_JOBS = 500  # Of sweeps, whose metrics are kept.
A_YEAR = 365 * 24 * 3600  # In seconds.
logger = logging.getLogger(__name__)


class Views:
    """An address each; ids are looked up among the folders that are known, and never made into paths."""

    def __init__(self, outputs: Outputs, *, refresh: int) -> None:
        self.token = secrets.token_urlsafe()
        self._outputs = outputs
        self._pages = Pages(refresh)
        self._curves = Curves()
        self._jobs: Kept[Logged] = Kept(NUM_JOBS)

    def runs(self, request: Request) -> Response:
        index = self._outputs.index()
        asked = dict.fromkeys(request.query_params.getlist("run"))
        chosen = [id for id in asked if id in index.runs][:MOST]

        def make(live: int) -> str:
            figures = self._curves.figures([index.runs[id] for id in chosen])
            objective, outputs = self._outputs.objective, self._outputs.path
            return overview(
                index, objective, outputs=outputs, chosen=chosen, figures=figures, script=SCRIPT, live=live
            )

        return self._pages.answer(request, (index.version, _minute()), _told(make))

    def run(self, request: Request) -> Response:
        run = self._run(request.path_params["id"])
        above = run.id.rpartition("/")[0]
        sweep = address("sweep", above) if above in self._outputs.index().sweeps else None

        def make(live: int) -> str:
            answers = address("evaluation", run.id) if summary_file(Path(run.path)).is_file() else None
            page = run_page(RunFolder(run.path), script=SCRIPT, live=live, sweep=sweep, answers=answers)
            return self._with_bar(page, run)

        state = (_files(run.path), _answers(run), run.state, run.is_stopping)
        return self._pages.answer(request, state, _told(make))

    def evaluation(self, request: Request) -> Response:
        """What a run answered to held-out records."""
        run = self._run(request.path_params["id"])
        if not summary_file(Path(run.path)).is_file():
            raise HTTPException(404, f"{run.id} has answered no records: gpt-exp evaluate makes it.")

        def make(live: int) -> str:
            page = evaluation_page(Path(run.path), report=address("run", run.id), script=SCRIPT, live=live)
            return self._with_bar(page)

        return self._pages.answer(request, _answers(run), _told(make))

    def sweep(self, request: Request) -> Response:
        sweep, index = self._sweep(request.path_params["id"]), self._outputs.index()
        ids = {run.path: run.id for id in sweep.jobs if (run := index.runs.get(id))}

        def make(live: int) -> str:
            folder = SweepFolder(sweep.path)
            page = sweep_page(folder, link=_link(ids), read=self._logged, script=SCRIPT, live=live)
            return self._with_bar(page)

        state = (_files(sweep.path), sweep, [index.runs[id].changed_at for id in ids.values()])
        return self._pages.answer(request, state, _told(make))

    def compare(self, request: Request) -> Response:
        runs = [self._run(id) for id in dict.fromkeys(request.query_params.getlist("run"))]
        if len(runs) < 2:
            raise HTTPException(400, "Two runs at least can be compared: tick them on the first page.")
        ids = {run.path: run.id for run in runs}

        def make(live: int) -> str:
            folders = [RunFolder(run.path) for run in runs]
            return self._with_bar(compare_page(folders, script=SCRIPT, live=live, link=_link(ids)))

        return self._pages.answer(request, [(_files(run.path), run.state) for run in runs], _told(make))

    def log(self, request: Request) -> Response:
        """The end of a run's log, as it stands."""
        run = self._run(request.path_params["id"])
        logs = _logs(run)
        asked = request.query_params.get("file", next(iter(logs), None))
        if asked not in logs:
            raise HTTPException(404, f"{run.id} has written no such log.")
        return PlainTextResponse(end(Path(run.path, asked), LOG_BYTES), headers={"Cache-Control": "no-cache"})

    async def stop(self, request: Request) -> Response:
        """Ask a run to save and stop, where one of our own pages asks for it."""
        fields = await guard.form(request)
        if why := guard.refusal(request, fields, self.token):
            raise HTTPException(403, f"Nothing was stopped: {why}.")
        run = await run_in_threadpool(self._run, request.path_params["id"])
        if run.state != "running":
            raise HTTPException(409, f"{run.id} can't be stopped: it is {run.state}.")
        try:
            await run_in_threadpool(stop_request.ask, RunFolder(run.path), REASON)
        except OSError as error:
            raise HTTPException(403, f"{run.id} can't be stopped from here: {error}.") from error
        return RedirectResponse(address("run", run.id), 303)

    def plotly_script(self, request: Request) -> Response:
        """Plotly's script; its address changes with its version."""
        headers = {"Cache-Control": f"public, max-age={A_YEAR}, immutable"}
        return Response(get_plotlyjs(), media_type="text/javascript", headers=headers)

    def message(self, title: str, text: str) -> str:
        """A page of one sentence."""
        return self._with_bar(render("message.html.j2", title=title, text=text, script=SCRIPT, live=None))

    def _logged(self, run: RunFolder, objectives: Sequence[Objective]) -> Logged:
        """What a job of a sweep has logged, read again only where it goes on."""
        nothing = Logged([None] * len(objectives), 0, [])
        return self._jobs.get(
            str(run.metrics), lambda _: logged(run, objectives), nothing, key=tuple(objectives)
        )

    def _run(self, id: str) -> RunEntry:
        if (run := self._outputs.run(id)) is None:
            raise HTTPException(404, f"There is no run {id!r} under {self._outputs.path}.")
        return run

    def _sweep(self, id: str) -> SweepEntry:
        index = self._outputs.index()
        if id not in index.sweeps:
            index = self._outputs.index(now=True)
        if (sweep := index.sweeps.get(id)) is None:
            raise HTTPException(404, f"There is no sweep {id!r} under {self._outputs.path}.")
        return sweep

    def _with_bar(self, page: str, run: RunEntry | None = None) -> str:
        """A page as the report has it, with the dashboard's own links at its top."""
        is_running = run is not None and run.state == "running"
        bar = render(
            "bar.html.j2",
            links=[(name, f"{address('log', run.id)}?file={name}") for name in _logs(run)] if run else [],
            stop=address("stop", run.id) if run and is_running and not run.is_stopping else None,
            is_stopping=run is not None and run.is_stopping,
            token=self.token,
        )
        before, main, after = page.partition("<main")
        opened, bracket, rest = after.partition(">")
        return "".join([before, main, opened, bracket, bar, rest])


def _link(ids: dict[str, str]) -> Callable[[RunFolder], str | None]:
    """The address of a run's page in the dashboard, for those that are known."""

    def link(folder: RunFolder) -> str | None:
        id = ids.get(os.fspath(folder.path))
        return None if id is None else address("run", id)

    return link


def _told(make: Callable[[int], str]) -> Callable[[int], str]:
    """A folder that holds what no page can be made of must not end in a bare error."""

    def tell(live: int) -> str:
        try:
            return make(live)
        except Exception as error:
            logger.warning("a page can't be made", exc_info=True)
            what = f"{type(error).__name__}: {error}"
            raise HTTPException(500, f"This page can't be made; is a file damaged? {what}") from error

    return tell


def _files(folder: str) -> list[tuple[str, int, int]]:
    """The names, times and sizes of the files in a folder: whether it is what it was."""
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except FileNotFoundError:  # A file that was replaced just now: another time anyway.
        return [("", time_ns(), 0)]
    return sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _answers(run: RunEntry) -> list[tuple[str, int, int]]:
    """The files of its evaluation."""
    folder = summary_file(Path(run.path)).parent
    return _files(os.fspath(folder)) if folder.is_dir() else []


def _minute() -> int:
    """Pages that say how long ago something was are true for a minute."""
    return int(time() // 60)


def _logs(run: RunEntry) -> list[str]:
    """What it has written, its own log before what its process printed."""
    folder = RunFolder(run.path)
    return [log.name for log in (folder.log, folder.console) if folder.has(log)]
