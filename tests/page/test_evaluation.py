"""The page tells what predictions on disk say, of every kind, and runs none of their text."""

import json
import math
import re

import pytest

from gpt_exp.errors import UserError
from gpt_exp.page.evaluation import evaluation_page, histogram, write_evaluation
from gpt_exp.page.judged import choose
from gpt_exp.page.run import write_report

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
PAIRS = [
    ("Zwei Hunde spielen im Schnee .", "Zwei Hunde rennen im Schnee ."),
    ("Ein Mann liest .", "Eine Frau liest ."),
    ("Ein Kind lacht .", "Ein Kind lacht ."),
]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outputs" / "evaluation" / "2026-01-02"


def rows_of(pairs):
    """(output, reference) scored by the share of equal words."""
    shares = [len(set(a.split()) & set(b.split())) / len(set(b.split())) for a, b in pairs]
    return [{"output": a, "reference": b, "score": s} for (a, b), s in zip(pairs, shares, strict=True)]


def write(folder, rows, split="test", **entry):
    """As gpt_exp.evaluation.judged writes them."""
    predictions = folder / "predictions"
    predictions.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"index": i, "input": None, "statistics": [1.0]} | row, ensure_ascii=True)
        for i, row in enumerate(rows)
    ]
    (predictions / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    file = predictions / "summary.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    known[split] = {
        "figures": {"chrf": 51.5, "bleu": 31.25},
        "intervals": {"bleu": [30.0, 33.0]},
        "main": "bleu",
        "higher_is_better": True,
        "num_predictions": len(rows),
        "shots": 2,
        "decode": "gpt_exp.decoding.beam.Beam(num_beams=5)",
    } | entry
    file.write_text(json.dumps(known))
    return folder


def shown(page):
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def marks(page):
    return re.findall(r'<mark class="(\w+)">(.*?)</mark>', page.split("<article", 1)[1].split("</section")[0])


def test_figures_stand_with_their_intervals_the_main_one_first(folder):
    page = write_evaluation(write(folder, rows_of(PAIRS))).read_text()
    text = shown(page)
    assert "31.25 bleu, test 95 %: 30 to 33" in text and "more is better" in text
    assert text.index("bleu test") < text.index("chrf test")
    assert "3 predictions, decoding: Beam(num_beams=5), 2 shots" in text
    assert "left: 30.00%; right: 67.00%" in page  # On a scale to 100.


def test_words_that_only_one_of_both_has_are_marked(folder):
    page = write_evaluation(write(folder, rows_of(PAIRS[:1]))).read_text()
    assert marks(page)[:2] == [("missing", "rennen"), ("extra", "spielen")]


def test_one_of_several_references_is_enough(folder):
    row = {"output": "a red car", "reference": ["one red car", "a blue bike"], "score": 1}
    page = write_evaluation(write(folder, [row])).read_text()
    assert ("missing", "one") in marks(page) and "extra" not in dict(marks(page)[:-3])
    assert "references" in shown(page)


@pytest.mark.parametrize(
    ("output", "reference", "told"),
    [
        ("positive", "negative", "negative output positive"),
        (["b", "a", "c"], "a", "reference a output b, a , c"),
        ({"answer": 3}, {"tests": ["assert f(1) == 3"]}, '"answer": 3'),
        (True, None, "null output true"),
        ("", "words", "output"),
        ([], ["a"], "(nothing)"),
    ],
)
def test_outputs_of_every_kind_have_their_place(folder, output, reference, told):
    row = {"output": output, "reference": reference, "input": {"film": [1, 2]}, "score": 0.5}
    page = write_evaluation(write(folder, [row])).read_text().replace("&#34;", '"')
    assert told in shown(page)


def test_a_ranking_has_its_right_items_marked(folder):
    row = {"output": ["b", "a", "c"], "reference": ["a"], "score": 0.5}
    assert ("right", "a") in marks(write_evaluation(write(folder, [row])).read_text())


def test_no_text_of_a_prediction_becomes_markup(folder):
    row = {"output": EVIL, "reference": [EVIL], "input": EVIL, "score": 1, "decode": EVIL}
    write(folder, [row, row | {"output": [EVIL]}], figures={EVIL: 1.0}, main=EVIL, decode=EVIL)
    page = write_evaluation(folder).read_text()
    assert "<script>alert" not in page and "<img" not in page
    assert page.count("</script>") == 2  # The histogram's, and the page's own.


def test_halves_of_surrogates_are_shown_as_what_they_are(folder):
    write(folder, [{"output": "a\ud800b", "reference": "\udfff", "score": 0}])
    page = write_evaluation(folder).read_text(encoding="utf-8")
    assert re.search("a(<.*?>)*�+(<.*?>)*b", page)


def test_only_chosen_ones_of_many_are_in_the_page(folder):
    rows = [{"output": f"answer {i}", "reference": "x", "score": i / 5000} for i in range(5000)]
    page = write_evaluation(write(folder, rows)).read_text()
    text = shown(page)
    assert page.count("<article") == 30 and len(page) < 100_000
    worst, best = text.index("Worst"), text.index("Best")
    assert worst < text.index("answer 9 ") < best < text.index("answer 4999 ")
    assert page == write_evaluation(folder).read_text()


def test_less_can_be_better():
    scores = [float(i) for i in range(30)]
    chosen = choose(scores, higher_is_better=False)
    assert chosen["Worst"] == list(range(29, 19, -1)) and chosen["Best"] == list(range(10))


def test_of_equal_scores_not_just_the_first_are_shown():
    chosen = choose([0.0] * 500 + [1.0] * 500, higher_is_better=True)
    assert max(chosen["Worst"]) > 100 and max(chosen["Worst"]) < 500 <= min(chosen["Best"])


def test_scores_that_are_no_numbers_are_left_out_of_the_order_and_told(folder):
    scores = [math.nan, 1.0, math.inf]
    write(folder, [row | {"score": score} for row, score in zip(rows_of(PAIRS), scores, strict=True)])
    page = write_evaluation(folder).read_text()
    assert "2 scores left out: not finite" in shown(page)
    assert page.count("<article") == 3
    (figure,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert json.loads(figure)["data"][0]["x"] == ["1"]


@pytest.mark.parametrize("scores", [[], [0.5], [0.0, 1.0, 1.0], [i / 97 for i in range(500)]])
def test_the_histogram_counts_every_score(scores):
    figure = histogram(scores)
    assert sum(sum(trace.y) for trace in figure.data) == len(scores)
    assert len(figure.data) == 0 or len(figure.data[0].y) == min(30, len(set(scores)))


def test_long_texts_are_folded_and_whole(folder):
    words = " ".join(f"word{i}" for i in range(1000))
    page = write_evaluation(write(folder, [{"output": words, "reference": "word1", "score": 0}])).read_text()
    folded = re.search(r"<details><summary>([\d,]+) more characters</summary>(.*?)</details>", page, re.S)
    assert int(folded[1].replace(",", "")) == len(words) - 600
    assert "word999" in folded[2] and "word2" not in re.sub(r"word2\d+", "", folded[2])


DAMAGE = {
    "test.jsonl does not exist": lambda folder: (folder / "test.jsonl").unlink(),
    "has 2 predictions, and summary.json tells of 3": lambda folder: cut(folder / "test.jsonl", -1),
    "damaged in line 2": lambda folder: replace(folder / "test.jsonl", 1, '{"output": "a'),
    "line 3: it holds no output": lambda folder: replace(folder / "test.jsonl", 2, '{"output": "a"}'),
    "line 1: it holds no output": lambda folder: replace(folder / "test.jsonl", 0, "[]"),
    "summary.json is damaged": lambda folder: (folder / "summary.json").write_text("{"),
    "test has no figures": lambda folder: (folder / "summary.json").write_text('{"test": {"main": 3}}'),
    "has no predictions": lambda folder: (folder / "summary.json").unlink(),
}


def cut(file, end):
    file.write_text("\n".join(file.read_text().splitlines()[:end]) + "\n")


def replace(file, number, line):
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:number], line, *lines[number + 1 :]]) + "\n")


@pytest.mark.parametrize("told", DAMAGE)
def test_what_is_missing_or_damaged_is_named(folder, told):
    write(folder, rows_of(PAIRS))
    DAMAGE[told](folder / "predictions")
    with pytest.raises(UserError, match=re.escape(told)):
        write_evaluation(folder)


def test_files_elsewhere_are_not_shown(folder, tmp_path):
    write(folder, rows_of(PAIRS[:1]), split="../../secret")
    with pytest.raises(UserError, match="lies elsewhere"):
        write_evaluation(folder)


def test_it_needs_no_network(folder):
    page = write_evaluation(write(folder, rows_of(PAIRS))).read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert (folder / "plotly.min.js").stat().st_size > 1e6
    assert "its run" not in page  # A model that is no run has no report.


def test_a_run_and_its_answers_lead_to_each_other(new_folder):
    run = new_folder("demo/1")
    assert "its answers" not in write_report(run.path).read_text()
    write(run.path, rows_of(PAIRS))
    page = write_evaluation(run.path).read_text()
    report = write_report(run.path).read_text()
    assert '<a href="report.html">its run</a>' in page
    assert '<a href="evaluation.html">its answers</a>' in report
    assert "31.25 bleu, test 95 %: 30 to 33" in shown(report)
    assert '<a href="/run/x">its run</a>' in evaluation_page(run.path, report="/run/x", live=5)
