"""The script of a live page, in a browser: what a reader has done to it outlives a refresh."""

import html
import json
import re
import shutil
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from gpt_exp.page.figures import Curve, overlay, to_json
from gpt_exp.page.render import _templates, place_script
from gpt_exp.page.table import Cell, Row, number

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]
PAGE = """{% extends "base.html.j2" %}{% from "macros.html.j2" import plots, table %}
{% block main %}
{% if version > 1 %}<section class="card" data-key="new">new</section>{% endif %}
<details data-key="log"><summary>Log</summary>
<pre>version {{ version }}{{ " chosen" if chosen }}</pre></details>
{{ table(columns, rows, name="runs", filter=true, choose="run") }}
{{ plots(figures) }}
<div style="height: 3000px"></div>
{% endblock %}"""
# Steps in the page; what they find is told in the harness's own body.
DRIVER = """<iframe id="page" src="/page" style="width: 900px; height: 600px"></iframe><pre id="found"></pre>
<script>
const page = document.getElementById("page"), wait = ms => new Promise(done => setTimeout(done, ms));
async function until(holds) { for (let i = 0; i < 400 && !holds(); i++) await wait(100); }
page.onload = async () => {
  const seen = {}, top = page.contentWindow, doc = page.contentDocument;
  const order = () => [...doc.querySelectorAll("#runs tbody tr:not([hidden])")].map(row => row.dataset.key);
  await until(() => top.Plotly && doc.querySelector(".plot .main-svg"));
  seen.first = order();
  doc.querySelectorAll("#runs th button")[1].click();
  seen.sorted = order();
  doc.querySelectorAll("#runs th button")[1].click();
  seen.turned = order();
  const field = doc.querySelector(".filter"), tick = doc.querySelector('[value="b"]');
  const plot = doc.querySelector(".plot"), place = () => Math.round(plot.getBoundingClientRect().top);
  field.value = "odd"; field.dispatchEvent(new Event("input", {bubbles: true})); field.focus();
  seen.filtered = order();
  field.value = "state:failed"; field.dispatchEvent(new Event("input", {bubbles: true}));
  seen.failed = order();
  field.value = "odd"; field.dispatchEvent(new Event("input", {bubbles: true}));
  tick.checked = true;
  doc.querySelector("details").open = true;
  top.scrollTo(0, 300);
  const before = place();
  await top.Plotly.relayout(plot, {"xaxis.range": [2, 4]});
  await until(() => doc.querySelector("details pre").textContent === "version 4");
  await wait(300);
  seen.after = order();
  seen.ticked = [...doc.querySelectorAll("#runs :checked")].map(box => box.value);
  seen.direction = doc.querySelector("[aria-sort]").getAttribute("aria-sort");
  seen.open = doc.querySelector("details").open;
  seen.moved = place() - before;
  seen.focus = doc.activeElement === field;
  seen.zoom = plot.layout.xaxis.range;
  seen.points = doc.querySelector(".plot").data[0].x.length;
  seen.news = !!doc.querySelector("[data-key=new]");
  await until(() => !doc.querySelector(".gone").hidden);
  seen.gone = doc.querySelector(".gone").textContent;
  await until(() => doc.querySelector(".gone").hidden);
  seen.back = doc.querySelector("details pre").textContent;
  seen.heading = doc.querySelector("[aria-sort]").textContent.trim();
  const ask = top.fetch, shown = () => doc.querySelector("details pre").textContent.includes("chosen");
  let asked = false; // The next look takes long, and the reader chooses something else meanwhile.
  top.fetch = async address => {
    top.fetch = ask; asked = true;
    const answer = await ask(address);
    await wait(3000);
    return answer;
  };
  await until(() => asked);
  top.history.replaceState(null, "", "?chosen");
  await top.load();
  seen.chosen = shown();
  for (let i = 0; i < 50; i++) { await wait(100); seen.chosen &&= shown(); }
  seen.purged = !doc.contains(plot) && !plot._responsiveChartHandler;
  document.getElementById("found").textContent = JSON.stringify(seen);
};
</script>"""


class Handler(BaseHTTPRequestHandler):
    """The page gets one version older at each look, and after the fourth the server fails for three."""

    def __init__(self, script: bytes, looks: list[int], *arguments) -> None:
        self.script, self.looks = script, looks
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/page":
            self.looks.append(len(self.looks))
        look = self.looks[-1] if self.looks else 0
        failed = path == "/page" and 4 < look < 8
        contents = {"/page": partial(page, look, chosen=bool(query)), "/drive": lambda: DRIVER}
        text = self.script if path == "/plotly.min.js" else contents.get(path, str)().encode()
        self.send_response(500 if failed else 200)
        self.send_header("Content-Type", "text/javascript" if text is self.script else "text/html")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments) -> None:
        pass


def page(version: int, *, chosen: bool) -> str:
    """Losses fall at different speeds, so the order changes; rows and columns come and go."""
    names = ["c", "a", "b", "d"] if version < 2 else ["e", "b", "d", "a"]
    losses = {"a": 4 - 0.9 * version, "b": 3, "c": 2, "d": None, "e": 5}
    columns, more = (
        (["run", "kind", "loss", "state"], [Cell("x")]) if version > 4 else (["run", "loss", "state"], [])
    )
    rows = [
        Row(
            name,
            [
                Cell(name, remark="even failed" if name in "ac" else "odd"),
                *more,
                number(losses[name]),
                Cell("failed" if name == "b" else "finished", state=True),
            ],
        )
        for name in names
    ]
    curve = Curve("x", [(step, 1 / step) for step in range(1, 6 + version)])
    return (
        _templates()
        .from_string(PAGE)
        .render(
            version=version,
            chosen=chosen,
            columns=columns,
            rows=rows,
            figures={} if chosen else {"Loss": to_json(overlay([curve]))},
            title="live",
            script="/plotly.min.js",
            live=1,
        )
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the driver found."""
    folder = tmp_path_factory.mktemp("browser")
    place_script(folder, None)
    script = (folder / "plotly.min.js").read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, script, []))
    Thread(target=server.serve_forever, daemon=True).start()
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}"]
    address = f"http://127.0.0.1:{server.server_port}/drive"
    command = [CHROMIUM, *flags, "--virtual-time-budget=60000", "--dump-dom", address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    finally:
        server.shutdown()
        server.server_close()
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1]))


def test_a_heading_sorts_numbers_as_numbers_and_what_has_none_last(seen):
    assert seen["first"] == ["c", "a", "b", "d"]
    assert seen["sorted"] == ["c", "b", "a", "d"]
    assert seen["turned"] == ["a", "b", "c", "d"]


def test_the_filter_hides_rows_without_its_words(seen):
    assert seen["filtered"] == ["b", "d"]


def test_a_refresh_keeps_order_filter_and_ticks_as_rows_come_and_go(seen):
    assert seen["after"] == ["e", "b", "d"]
    assert seen["direction"] == "descending"
    assert seen["ticked"] == ["b"]


def test_a_refresh_keeps_details_scroll_position_and_focus(seen):
    assert seen["open"] and seen["focus"]
    assert abs(seen["moved"]) <= 1  # Though a section has come above it.


def test_a_refresh_brings_news_and_keeps_the_zoom(seen):
    assert seen["news"]
    assert seen["points"] == 9
    assert seen["zoom"] == [2, 4]


def test_a_state_is_no_word_of_a_name(seen):
    assert seen["failed"] == ["b"]


def test_a_server_that_fails_is_told_until_it_answers_again(seen):
    assert "The server answers with 500" in seen["gone"]
    assert seen["back"] == "version 8"


def test_an_order_stays_with_its_heading(seen):
    assert seen["heading"] == "loss"


def test_an_answer_that_comes_late_undoes_no_choice(seen):
    assert seen["chosen"]


def test_a_figure_that_goes_listens_to_nothing_more(seen):
    assert seen["purged"]
