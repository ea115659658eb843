"""Pages are whole files; the tables in them sort by values and run no text."""

import re
from pathlib import Path

import pytest

from gpt_exp.page.render import SCRIPT, _templates, place_script, write_page
from gpt_exp.page.table import Cell, Row, number

EVIL = '"><script>alert(1)</script>'


def table(columns, rows, **more) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in more.items())
    macro = f'{{% from "macros.html.j2" import table %}}{{{{ table(columns, rows, {arguments}) }}}}'
    return _templates().from_string(macro).render(columns=columns, rows=rows)


def test_a_cell_is_sorted_by_its_value_and_shown_by_its_text():
    rows = [
        Row("a", [Cell("a"), number(1_234_567.0), number(None)]),
        Row("b", [Cell("b"), Cell(""), Cell("")]),
    ]
    page = table(["run", "tokens", "loss"], rows, name="jobs")
    assert re.search(r'<td role="cell" class="number" data-value="1234567.0">\s*1,234,567\s*</td>', page)
    assert page.count("data-value") == 1
    assert page.count('<th role="columnheader" class="number">') == 1
    assert 'id="jobs"' in page and 'data-key="a"' in page


@pytest.mark.parametrize(("value", "read"), [(float("inf"), "Infinity"), (float("-inf"), "-Infinity")])
def test_infinity_is_a_number_for_the_browser(value, read):
    assert f'data-value="{read}"' in table(["loss"], [Row("a", [number(value)])])


def test_the_order_that_rows_have_already_is_told():
    page = table(["run", "loss"], [Row("a", [Cell("a"), number(1.0)])], sorted="-loss")
    assert re.findall(r'aria-sort="(\w+)"', page) == ["descending"]


def test_checkboxes_and_a_filter_are_there_when_asked_for():
    rows = [Row("a/b", [Cell("a")])]
    page = table(["run"], rows, filter=True, choose="run")
    assert 'type="checkbox" name="run" value="a/b"' in page and "data-filters" in page
    assert "checkbox" not in table(["run"], rows) and "data-filters" not in table(["run"], rows)


def test_states_links_remarks_and_progress_are_shown():
    cells = [
        Cell("not started", state=True),
        Cell("x", link="x/report.html"),
        Cell("5", remark="of 9", share=0.5),
    ]
    page = table(["state", "run", "step"], [Row("a", cells)])
    assert '<span class="state not-started">not started</span>' in page
    assert '<a href="x/report.html">x</a>' in page
    assert "<small>of 9</small>" in page and "width: 50.0%" in page


def test_no_text_becomes_markup():
    row = Row(EVIL, [Cell(EVIL, EVIL, link=EVIL, remark=EVIL), Cell(EVIL, state=True)])
    assert "<script" not in table([EVIL, EVIL], [row], choose="run", filter=True)


@pytest.mark.parametrize("live", [None, 2])
def test_a_page_is_live_only_where_it_is_served(tmp_path, live):
    contents = {"title": "Nothing", "text": "There is nothing.", "figures": {}, "live": live}
    page = write_page(tmp_path / "page.html", None, "message.html.j2", **contents).read_text()
    assert ('data-live="2"' in page) == (live is not None)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_pages_of_a_folder_share_one_script(tmp_path):
    for name in ("a", "b", "cache"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        place_script(tmp_path / name, tmp_path / "cache")
    assert (tmp_path / "a" / SCRIPT).samefile(tmp_path / "b" / SCRIPT)


@pytest.mark.parametrize("cached", [True, False])
def test_the_script_of_another_plotly_is_renewed(tmp_path, cached):
    old, cache, page = "of an older plotly", tmp_path / "cache", tmp_path / "page"
    page.mkdir()
    (page / SCRIPT).write_text(old)
    if cached:
        cache.mkdir()
        (cache / SCRIPT).write_text(old)
    place_script(page, cache)
    assert (page / SCRIPT).stat().st_size > 1e6
    assert not cached or (cache / SCRIPT).read_text() == old


def test_a_cache_that_cannot_be_written_costs_only_space(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    place_script(tmp_path, tmp_path / "cache")
    assert (tmp_path / SCRIPT).stat().st_size > 1e6


def test_a_cache_that_lies_elsewhere_is_not_made_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page").mkdir()
    place_script(tmp_path / "page", Path("outputs/cache"))
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page" / SCRIPT).exists()
