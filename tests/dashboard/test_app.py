"""The real application over small outputs: what it shows, and what it refuses."""

import json
import re
import shutil
import socket
from unittest.mock import ANY

import pytest
from starlette.testclient import TestClient

from gpt_exp.dashboard.app import make_app
from gpt_exp.dashboard.guard import Names
from gpt_exp.dashboard.index import Outputs
from gpt_exp.dashboard.run_entry import RunReader
from gpt_exp.dashboard.sweep_entry import SweepReader
from gpt_exp.dashboard.views import REASON
from gpt_exp.run.lines import read_metrics
from gpt_exp.sweep import leaderboard
from gpt_exp.sweep.folder import Objective

OBJECTIVE = Objective("val/loss", "minimize")
ADDRESS = "http://127.0.0.1:8765"
ID = "name/time"
HTML = "<script>alert(\"&amp;')</script>"


@pytest.fixture
def client(outputs):
    app = make_app(Outputs(str(outputs), OBJECTIVE), refresh=5, names=Names("127.0.0.1"))
    with TestClient(app, base_url=ADDRESS, follow_redirects=False) as client:
        yield client


def page(client, address="/"):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def token_of(text):
    return re.search(r'name="token" value="([^"]+)"', text)[1]


def test_the_first_page_shows_runs_and_sweeps(client, make_run, make_sweep):
    make_run("pretraining/first", "failed", reason="it broke")
    make_sweep("sweeps/pretraining/second")
    text = page(client)
    assert 'href="/run/pretraining/first"' in text
    assert 'href="/run/sweeps/pretraining/second/0000"' in text
    assert 'href="/sweep/sweeps/pretraining/second"' in text
    for shown in ("it broke", "optimizer.lr=0.01", "40 of 100", "2 failed"):
        assert shown in text


def test_no_run_yet(client):
    assert "No run yet" in page(client)


def test_a_page_of_each_kind(client, make_run, make_sweep):
    make_run(ID)
    make_run("name/other")
    assert "log of time" in page(client, f"/run/{ID}")
    assert "log of time" in page(client, f"/log/{ID}")
    assert "log of time" in page(client, f"/log/{ID}?file=train.log")
    for name in ("console.log", "config.yaml", "../../outside"):
        assert client.get(f"/log/{ID}", params={"file": name}).status_code == 404
    assert "What they reached" in page(client, f"/compare?run={ID}&run=name/other")
    assert client.get("/plotly.min.js").headers["cache-control"].endswith("immutable")


def test_every_page_leads_back(client, make_run):
    make_run(ID)
    make_run("name/other")
    for address in (f"/run/{ID}", f"/compare?run={ID}&run=name/other"):
        assert page(client, address).count('<a href="/">') == 1
    assert '<a href="/">' in client.get("/run/missing").text


def test_chosen_runs_have_their_curves_on_the_first_page(client, make_run):
    make_run("a/time", overrides=("seed=1", "optimizer=muon"))
    make_run("b/time", overrides=("seed=2", "optimizer=muon"))
    text = page(client, "/?run=a/time&run=b/time&run=missing&run=a/time")
    assert "2 chosen" in text
    assert "val/loss" in text
    assert '"name":"seed=1"' in text
    assert 'href="/compare?run=a%2Ftime&amp;run=b%2Ftime"' in text
    assert 'class="plot"' in page(client, "/?run=a/time")
    assert 'class="plot"' not in page(client)


HOSTILE = [
    "%2e%2e",
    "../outside",
    "name/../../outside",
    "%2e%2e/outside",
    "%2e%2e%2foutside",
    "/etc",
    "//etc",
    "",
]
ODD = [
    "%2e/name/time",
    "name//time",
    "name/time/",
    "name%00/time",
    "name/time/checkpoints",
    "NAME/time",
    "%ff",
]


@pytest.mark.parametrize("id", [*HOSTILE, *ODD, "name"])
@pytest.mark.parametrize("what", ["run", "log", "sweep"])
def test_only_known_ids_are_answered(client, make_run, what, id):
    make_run(ID)
    make_run("../outside")
    assert client.get(f"/{what}/{id}").status_code == 404


def test_a_hostile_id_in_a_choice_is_refused(client, make_run):
    make_run(ID)
    make_run("../outside")
    assert client.get(f"/compare?run={ID}&run=../outside").status_code == 404
    assert "<b>1 chosen" not in page(client, "/?run=../outside")


def test_comparing_needs_two(client, make_run):
    make_run(ID)
    assert client.get(f"/compare?run={ID}&run={ID}").status_code == 400


def test_names_with_odd_characters_have_an_address(client, make_run):
    make_run("a b/#1?x&amp;é")
    link = re.search(r'href="(/run/[^"]+)"', page(client))[1]
    assert client.get(link).status_code == 200


def test_nothing_that_a_run_holds_becomes_html(client, make_run, make_sweep, log_step):
    folder = make_run(ID, "failed", reason=HTML, overrides=(HTML,))
    folder.samples.write_text('{"step": 1, "prompt": "<b>", "text": "</pre><script>alert(1)</script>"}\n')
    folder.log.write_text(HTML)
    folder.config_file.write_text(f"name: '{HTML.replace(chr(39), '')}'\n")
    make_run("<script>alert(2)<script>/time", overrides=("a", "b"))
    sweep = make_sweep("sweeps/name/time")
    sweep.save_asked({**sweep.asked(), "command": HTML})
    for address in ("/", f"/?run={ID}&run=%3Cscript%3Ealert(2)%3Cscript%3E/time", f"/run/{ID}"):
        assert "<script>alert" not in page(client, address)
    log = client.get(f"/log/{ID}")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    assert log.headers["x-content-type-options"] == "nosniff"
    assert "<script>alert" not in client.get("/run/<script>alert(1)</script>").text


def test_only_our_own_scripts_may_run(client, make_run):
    """A hash for every script that is in a page; nothing else, nothing from elsewhere."""
    make_run(ID, "running")
    for address in ("/", f"/run/{ID}", "/run/missing"):
        answer = client.get(address)
        policy = answer.headers["content-security-policy"]
        scripts = re.search("script-src ([^;]*);", policy)[1]
        assert "unsafe-inline" not in scripts
        assert scripts.count("sha256-") >= len(re.findall("<script>", answer.text))
        assert not re.search(r"\son\w+=", re.sub("(?s)<script.*?</script>", "", answer.text))
        assert not re.search(r'(src|href)="?(https?:)?//', answer.text)


@pytest.mark.parametrize("address", ["/", f"/run/{ID}", f"/?run={ID}", f"/compare?run={ID}&run=name/other"])
def test_an_unchanged_page_is_not_sent_again(client, make_run, log_step, address):
    folder = make_run(ID)
    make_run("name/other")
    first = client.get(address)
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get(address, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    log_step(folder, 100, 0.125)
    changed = client.get(address, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert changed.text != first.text


def test_pages_of_different_queries_have_different_tags(client, make_run):
    make_run(ID)
    assert client.get("/").headers["etag"] != client.get(f"/?run={ID}").headers["etag"]


def test_a_run_that_is_deleted_while_it_is_shown(client, make_run):
    folder = make_run(ID)
    page(client)
    page(client, f"/run/{ID}")
    shutil.rmtree(folder.path)
    assert client.get(f"/run/{ID}").status_code == 404
    assert ID not in page(client)


def test_a_run_that_appears_is_found_at_once(client, make_run):
    page(client)
    make_run(ID)
    assert client.get(f"/run/{ID}").status_code == 200


DAMAGE = {
    "status.json": ['{"state": "failed", "reason": "\\ud800"}', '{"max_steps": -1, "state": ["odd"]}'],
    "metrics.jsonl": ['{"step": 1, "val/loss": 1' + "0" * 400 + "}\n"],
    "results.json": ['{"seconds": NaN}', '{"seconds": 1e999}', '{"val": 3}', '{"val": null}'],
    "samples.jsonl": [],
    "environment.json": ['{"created": "0001-01-01T00:00:00+14:00"}', '{"packages": null, "argv": null}'],
    "speed.jsonl": ['{"step": 1, "speed/elapsed_seconds": NaN}\n'],
    "overrides.yaml": ['- "\\uD800"\n'],
    "git.json": ['{"dirty": true}'],
}
ALWAYS = ["{", "[3]", '{"step": 1, "val/loss": "x"}\n{"ste', "\0\n\n"]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, own in DAMAGE.items() for text in (*own, *ALWAYS)]
)
def test_a_damaged_run_never_takes_the_first_page_along(client, make_run, name, text):
    """Its own page tells of it, and the log is still there."""
    folder = make_run(ID)
    make_run("name/other")
    (folder.path / name).write_text(text)
    assert "name/time" in page(client)
    page(client, f"/?run={ID}")
    page(client, f"/?run={ID}&run=name/other")
    assert client.get(f"/run/{ID}").status_code == (200 if text in DAMAGE[name] else ANY)
    assert client.get(f"/compare?run={ID}&run=name/other").status_code == (
        200 if text in DAMAGE[name] else ANY
    )
    assert "log of time" in page(client, f"/log/{ID}")


@pytest.mark.parametrize("damage", [{"run": None}, {"state": []}, {"number": "x"}, {"state": "odd"}])
def test_a_damaged_manifest_never_takes_the_first_page_along(client, make_run, make_sweep, damage):
    make_run(ID)
    sweep = make_sweep("sweeps/name/time")
    manifest = json.loads(sweep.manifest.read_text())
    manifest["jobs"][0].update(damage)
    sweep.manifest.write_text(json.dumps(manifest))
    assert ID in page(client) and "state unknown" in page(client)


@pytest.mark.parametrize("objective", [["val/loss", 5], ["val/loss", "sideways"], [3, "minimize"], []])
def test_a_sweep_that_is_after_nothing_takes_no_values_along(client, make_sweep, objective):
    sweep = make_sweep("sweeps/name/time")
    sweep.save_asked({**sweep.asked(), "objectives": [objective]})
    text = page(client)
    assert "state unknown" in text and 'data-value="2.3' in text


def test_what_nobody_foresaw_is_unknown(client, make_run, make_sweep, monkeypatch):
    make_run(ID)
    make_sweep("sweeps/name/time")

    def fail(self, *_):
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(RunReader, "_read", fail)
    monkeypatch.setattr(SweepReader, "_best", fail)
    assert page(client).count("nobody foresaw this") == 4


def test_a_run_at_its_start_is_compared(client, make_run):
    make_run("name/other")
    make_run(ID, "stopped", step=0).metrics.write_text('{"step": 0, "tokens": 0, "val/loss": 5.0}\n')
    for address in (f"/?run={ID}&run=name/other", f"/compare?run={ID}&run=name/other"):
        assert ID in page(client, address)


def test_what_a_link_leads_to_is_not_shown(client, make_run, tmp_path):
    (tmp_path / "secret").write_text("canary")
    folder = make_run(ID)
    folder.log.unlink()
    folder.log.symlink_to(tmp_path / "secret")
    assert client.get(f"/log/{ID}").status_code == 404
    assert "canary" not in page(client, f"/run/{ID}")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_another_name_for_this_machine_is_refused(client, make_run, host):
    make_run(ID)
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9999", "LOCALHOST", "[::1]:80"])
def test_the_loopback_has_several_names(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.0.2.7:8765", 200),
        ("[2001:db8::1]:8765", 200),
        ("localhost", 200),
        (socket.gethostname().upper(), 200),
        ("proxy.example", 200),
        ("evil.example", 400),
        ("192.0.2.7.evil.example", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_where_others_may_ask_they_use_an_address_or_a_name_that_is_ours(outputs, host, status):
    """Else a page of evil.example, pointed at this machine, could stop runs."""
    app = make_app(Outputs(str(outputs), OBJECTIVE), refresh=5, names=Names("0.0.0.0", ["proxy.example"]))
    answer = TestClient(app, base_url=ADDRESS).get("/", headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or "allow=[" in answer.text


def test_stopping_a_run_writes_its_stop_file(client, make_run):
    folder = make_run(ID, "running")
    with folder.lock():
        form = {"token": token_of(page(client, f"/run/{ID}"))}
        answer = client.post(
            f"/stop/{ID}", data=form, headers={"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"/run/{ID}")
        assert folder.stop_request.read_text() == REASON
        assert "asked to save and stop" in page(client, f"/run/{ID}")
        assert 'name="token"' not in page(client, f"/run/{ID}")
        assert "is asked to stop" in page(client)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"},
    ],
)
def test_another_site_cannot_stop_a_run(client, make_run, headers):
    folder = make_run(ID, "running")
    with folder.lock():
        form = {"token": token_of(page(client, f"/run/{ID}"))}
        assert client.post(f"/stop/{ID}", data=form, headers=headers).status_code == 403
    assert not folder.stop_request.exists()


@pytest.mark.parametrize(
    "form", [{}, {"token": ""}, {"token": "wrong"}, {"token": "é"}, {"token": "x" * 20_000}]
)
def test_stopping_needs_the_token_of_a_page(client, make_run, form):
    folder = make_run(ID, "running")
    with folder.lock():
        assert client.post(f"/stop/{ID}", data=form).status_code == 403
    assert not folder.stop_request.exists()


def test_only_a_running_run_can_be_stopped(client, make_run):
    running = make_run("name/running", "running")
    with running.lock():
        form = {"token": token_of(page(client, "/run/name/running"))}
    for state in ("running", "finished", "failed"):  # The first has no process any more.
        folder = make_run(f"name/{state}", state)
        assert 'name="token"' not in page(client, f"/run/name/{state}")
        assert client.post(f"/stop/name/{state}", data=form).status_code == 409
        assert not folder.stop_request.exists()
    assert client.post("/stop/../outside", data=form).status_code == 404
    assert client.post("/stop/missing", data=form).status_code == 404
    assert client.get("/stop/name/running").status_code == 405


def test_the_page_of_a_sweep_links_to_its_jobs_and_follows_them(client, make_run, make_sweep, log_step):
    sweep = make_sweep("sweeps/name/time", "finished", "waiting")
    make_run("name/elsewhere")
    jobs = sweep.jobs()
    jobs[1].run, jobs[1].state = "../../../name/elsewhere", "finished"
    sweep.save_jobs(jobs)
    first = client.get("/sweep/sweeps/name/time")
    assert 'href="/run/sweeps/name/time/0000"' in first.text
    assert 'href="/run/name/elsewhere"' in first.text
    known = {"If-None-Match": first.headers["etag"]}
    assert client.get("/sweep/sweeps/name/time", headers=known).status_code == 304
    log_step(sweep.run(sweep.jobs()[0]), 50, 1.0)
    assert client.get("/sweep/sweeps/name/time", headers=known).status_code == 200


def test_the_page_of_a_job_links_to_its_sweep(client, make_sweep):
    make_sweep("sweeps/name/time")
    assert 'href="/sweep/sweeps/name/time"' in page(client, "/run/sweeps/name/time/0000")


def test_a_job_whose_sweep_has_no_page_leads_to_none(make_sweep):
    sweep = make_sweep("sweeps/name/time")
    app = make_app(Outputs(str(sweep.path), OBJECTIVE), refresh=5, names=Names("127.0.0.1"))
    assert "its sweep" not in TestClient(app, base_url=ADDRESS).get("/run/0000").text


def test_the_working_folder_has_its_links_too(make_run, make_sweep, outputs, monkeypatch):
    make_sweep("sweeps/name/time")
    make_run(ID)
    monkeypatch.chdir(outputs)
    client = TestClient(
        make_app(Outputs(".", OBJECTIVE), refresh=5, names=Names("127.0.0.1")), base_url=ADDRESS
    )
    assert 'href="/run/sweeps/name/time/0000"' in page(client, "/sweep/sweeps/name/time")
    compared = page(client, f"/compare?run={ID}&run=sweeps/name/time/0000")
    assert f'href="/run/{ID}"' in compared


def test_the_page_of_a_sweep_reads_only_what_has_changed(client, make_sweep, log_step, monkeypatch):
    sweep, read = make_sweep("sweeps/name/time", "finished", "finished"), []
    monkeypatch.setattr(leaderboard, "read_metrics", lambda path: read.append(path) or read_metrics(path))
    page(client, "/sweep/sweeps/name/time")
    assert len(read) == 2
    log_step(sweep.run(sweep.jobs()[0]), 50, 1.0)
    assert ">1.289<" in page(client, "/sweep/sweeps/name/time")
    assert len(read) == 3


def test_a_name_of_two_lines_is_passed_over(client, make_run):
    make_run("new\nline/time")
    make_run(ID)
    links = re.findall(r'href="(/run/[^"]+)"', page(client))
    assert links == [f"/run/{ID}"]


def test_a_run_that_answered_records_has_its_answers(client, make_run):
    folder = make_run(ID)
    assert client.get(f"/evaluation/{ID}").status_code == 404
    assert "its answers" not in page(client, f"/run/{ID}")
    predictions = folder.path / "predictions"
    predictions.mkdir()
    line = {"index": 0, "input": "2 + 2", "output": HTML, "reference": "4", "score": 0.0}
    (predictions / "val.jsonl").write_text(json.dumps(line) + "\n")
    entry = {"figures": {"accuracy": 0.0}, "main": "accuracy", "num_predictions": 1}
    (predictions / "summary.json").write_text(json.dumps({"val": entry}))
    assert f'href="/evaluation/{ID}"' in page(client, f"/run/{ID}")
    text = page(client, f"/evaluation/{ID}")
    assert f'href="/run/{ID}"' in text and "2 + 2" in text and HTML not in text
    (predictions / "val.jsonl").write_text("{")
    assert client.get(f"/evaluation/{ID}").status_code == 500
