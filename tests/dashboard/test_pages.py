"""Pages are made once for each state, and asked for less often where they take long."""

import pytest
from starlette.requests import Request

from gpt_exp.dashboard import pages
from gpt_exp.dashboard.pages import Pages


def request(path="/", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}
    return Request({**scope, "server": ("127.0.0.1", 80), "scheme": "http"})


@pytest.fixture
def asked():
    """What `make` was told, in the order in which it was called."""
    return []


def make(asked):
    return lambda live: asked.append(live) or f"page {len(asked)}"


def test_a_page_is_made_once_for_each_state(asked):
    kept = Pages(refresh=5)
    answers = [kept.answer(request(), state, make(asked)) for state in (1, 1, 2, 2, 1)]
    assert [answer.body for answer in answers] == [b"page 1", b"page 1", b"page 2", b"page 2", b"page 3"]


def test_who_has_it_is_sent_nothing(asked):
    kept = Pages(refresh=5)
    tag = kept.answer(request(), 1, make(asked)).headers["etag"]
    answer = kept.answer(request(if_none_match=f'"other", W/{tag}'), 1, make(asked))
    assert (answer.status_code, answer.body) == (304, b"")
    assert kept.answer(request("/other", if_none_match=tag), 1, make(asked)).status_code == 200


def test_another_server_has_other_tags(asked):
    first, second = (Pages(refresh=5).answer(request(), 1, make(asked)).headers["etag"] for _ in range(2))
    assert first != second


def test_a_page_that_takes_long_is_asked_for_less_often(asked, monkeypatch):
    """The first time, when templates are read, is no measure."""
    times = iter([0, 9, 10, 10.01, 20, 21.5, 30, 31.8, 40, 40])
    monkeypatch.setattr(pages, "thread_time", lambda: next(times))
    kept = Pages(refresh=5)
    for state in range(5):
        kept.answer(request(), state, make(asked))
    assert asked == [5, 5, 5, 5, round(1.5 / pages.MAX_SHARE)]


def test_only_the_last_pages_are_kept(asked):
    kept = Pages(refresh=5)
    for number in range(2 * pages.NUM_KEPT):
        kept.answer(request(f"/{number}"), 1, make(asked))
    num_made = len(asked)
    kept.answer(request(f"/{2 * pages.NUM_KEPT - 1}"), 1, make(asked))
    assert len(asked) == num_made
    kept.answer(request("/0"), 1, make(asked))
    assert len(asked) == num_made + 1
