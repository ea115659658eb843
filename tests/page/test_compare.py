"""The page has the differences, the curves of all runs, and each run's words, none as markup."""

import json
import re

from gpt_exp.page import comparison
from gpt_exp.page.compare import compare_page, figures
from gpt_exp.run import lines

EVIL = "</pre></script><script>alert(1)</script>"


def shown(page: str) -> str:
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page).replace("&nbsp;", " "))


def test_the_page_tells_what_differs_and_what_was_reached(new_folder):
    page = compare_page([new_folder("a", end=2.0), new_folder("b", end=1.0, seed=2)])
    text = shown(page)
    assert "seed 1 2" in text and "batch_size" not in text
    assert "final val/loss 2.1 1.1 −47.6 %" in text
    assert re.findall(r'<td class="best">([^<]*)</td>', page)[0] == "1.1"
    assert "The a at 40" in text and "The b at 40" in text and "a at 30" not in text
    assert 'data-plotly="plotly.min.js"' in page and not re.search(r"""(?:src|href)=["']?https?:""", page)


def test_every_shared_metric_has_its_curves_in_the_runs_colours(new_folder):
    runs = comparison.read([new_folder("a"), new_folder("b"), new_folder("c", tokens=128)])
    lines.append(runs[0].folder.metrics, {"step": 40, "val/alone": 1.0})
    drawn = figures(comparison.read([run.folder for run in runs]))
    assert list(drawn)[:2] == ["val/loss", "train/loss"]
    assert {"lr", "tokens per second", "val/loss by training time", "val/loss by tokens"} <= set(drawn)
    assert "val/alone" not in drawn
    for figure in drawn.values():
        assert [trace.meta for trace in figure.data] == ["a", "b", "c"]
        assert [trace.line.color for trace in figure.data] == [
            trace.line.color for trace in drawn["val/loss"].data
        ]


def test_by_tokens_and_by_time_a_step_is_worth_what_it_cost(new_folder):
    drawn = figures(comparison.read([new_folder("a"), new_folder("b", tokens=128)]))
    tokens = drawn["val/loss by tokens"].data
    assert [list(trace.x) for trace in tokens] == [[640, 1280, 1920, 2560], [1280, 2560, 3840, 5120]]
    assert list(drawn["val/loss by training time"].data[0].x) == [5 / 60, 10 / 60, 15 / 60, 20 / 60]
    same = figures(comparison.read([new_folder("c"), new_folder("d")]))
    assert "val/loss by tokens" not in same


def test_runs_without_anything_have_a_page(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    for folder in folders:
        for file in (folder.metrics, folder.speed, folder.results, folder.samples, folder.status_file):
            file.unlink()
        for file in (folder.environment, folder.git, folder.patch):
            file.unlink(missing_ok=True)
    text = shown(compare_page(folders))
    assert text.count("not started") == 2 and text.count("Nothing.") == 2


def test_no_text_of_a_run_becomes_markup(new_folder):
    folders = [new_folder("a", seed=EVIL), new_folder("b")]
    lines.append(folders[0].samples, {"step": 50, "prompt": EVIL, "text": EVIL})
    folders[0].set_status("failed", reason=EVIL)
    assert "<script>alert" not in compare_page(folders)


def test_runs_lead_to_their_own_pages(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    page = compare_page(folders, live=2, link=lambda run: "/run/a" if run.path.name == "a" else None)
    assert page.count('href="/run/a"') == 1 and 'data-live="2"' in page
    assert all(json.loads(each) for each in re.findall(r'application/json">(.*?)</script>', page, re.S))


def test_a_run_that_stands_at_step_0_is_compared(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    folders[0].metrics.write_text('{"step": 0, "tokens": 0, "val/loss": 5.0}\n')
    assert "What they reached" in compare_page(folders)


def test_a_loss_that_is_no_number_is_no_point(new_folder):
    folders = [new_folder("a"), new_folder("b")]
    lines.append(folders[0].metrics, {"step": 50, "val/loss": "x"})
    drawn = figures(comparison.read(folders))["val/loss"].data
    assert len(drawn[0].y) == len(drawn[1].y)
