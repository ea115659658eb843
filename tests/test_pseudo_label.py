"""What a run is sure of becomes data, and nothing that the data knew of it is read."""

import json

import pytest
from made_runs import create, with_steps

from gpt_exp import cli
from gpt_exp.data.json_records import JsonRecords
from gpt_exp.pseudo_label import select, too_unsure

ANSWERS = [("a", 0.9), ("b", 0.6), ("a", 0.95), ("a", 0.3), ("b", 0.8), ("", 1.0), ("a", 0.7)]
CLASSES = ["a", "b"]


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({"confidence": 0.0}, [0, 1, 2, 3, 4, 6]),
        ({"confidence": 0.7}, [0, 2, 4, 6]),
        ({"confidence": 0.5, "top": 1}, [2, 4]),
        ({"confidence": 0.5, "balanced": True}, [0, 1, 2, 4]),
        ({"confidence": 0.7, "balanced": True}, [2, 4]),
        ({"confidence": 0.5, "top": 1, "balanced": True}, [2, 4]),
        ({"confidence": 0.85, "balanced": True}, []),
    ],
)
def test_the_sure_ones_are_kept_and_of_each_class_the_surest(how, kept):
    assert select(ANSWERS, CLASSES, **how) == kept


def test_without_classes_the_surest_of_all_are_kept():
    assert select(ANSWERS, None, confidence=0.0, top=2) == [0, 2]


@pytest.fixture
def sentiments(tmp_path):
    """An untrained run, and records some of which have a label."""
    rows = [{"text": f"A film {'!' * i}"} | ({"label": "positive"} if i < 3 else {}) for i in range(8)]
    file = tmp_path / "unlabelled.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "good\tpositive\nbad\tnegative\n" * 10)
    sizes = ["num_layers=1", "num_heads=2", "embedding_dim=32", "context_length=32"]
    given = ["module=fine_tuning", "task=sentiment", "data=tsv", f"data.train={tmp_path / 'train.tsv'}"]
    given += ["tokenizer=byte", *(f"model.{size}" for size in sizes)]
    return with_steps(create(tmp_path, "run", given), (10,)), rows, file


@pytest.mark.parametrize(
    ("classes", "confidence", "told"),
    [
        (None, 0.99, "no answer is surer than 0.95"),
        (CLASSES, 0.99, "no answer 'b' is surer than 0.8"),
        (CLASSES, 0.9, "no answer 'b' is surer than 0.8"),
        ([*CLASSES, "c"], 0.7, "no record is answered 'c'"),
    ],
)
def test_why_nothing_is_kept_is_told(classes, confidence, told):
    assert told in too_unsure(ANSWERS, classes, confidence)
    assert "none of 2 records has an answer" in too_unsure([("", 1.0)] * 2, classes, confidence)


def label(run, file, out, *overrides) -> int:
    given = [f"run={run.path}", "data=jsonl", f"data.train={file}", f"path={out}", "device=cpu"]
    return cli.main(["pseudo_label", *given, "precision=32-true", *overrides])


def test_records_come_with_the_runs_answers_and_are_data_to_train_on(sentiments, tmp_path, capsys):
    run, rows, file = sentiments
    out = tmp_path / "labelled.jsonl"
    assert label(run, file, out, "confidence=0", "batch_size=3") == 0
    found = JsonRecords(train=str(out)).read()["train"]
    assert [record["text"] for record in found] == [row["text"] for row in rows]
    assert all(0.5 <= record["confidence"] <= 1 for record in found)
    assert {record["label"] for record in found} <= {"positive", "negative"}
    told = capsys.readouterr().out
    assert "8 of 8 records labelled" in told and "as the data's own answers have it" in told
    for row in rows:  # Another answer of the data's own changes nothing.
        row["label"] = "negative"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    again = tmp_path / "again.jsonl"
    assert label(run, file, again, "confidence=0", "batch_size=3") == 0
    assert again.read_text() == out.read_text()


def test_without_one_sure_answer_nothing_is_written(sentiments, tmp_path, capsys):
    run, _, file = sentiments
    assert label(run, file, tmp_path / "none.jsonl", "confidence=1") == 2
    assert "confidence=1: nothing to write, for no answer is surer than 0." in capsys.readouterr().err
    assert not (tmp_path / "none.jsonl").exists()


def test_only_what_is_at_least_so_sure_is_written(sentiments, tmp_path):
    run, _, file = sentiments
    out, fewer = tmp_path / "all.jsonl", tmp_path / "fewer.jsonl"
    assert label(run, file, out, "confidence=0") == 0
    everything = JsonRecords(train=str(out)).read()["train"]
    limit = sorted(record["confidence"] for record in everything)[4]
    assert label(run, file, fewer, f"confidence={limit}") == 0
    kept = JsonRecords(train=str(fewer)).read()["train"]
    assert kept == [record for record in everything if record["confidence"] >= limit]
    assert len(kept) < len(everything)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("confidence=2", "confidence: 2 must be between 0 and 1"),
        ("top=0", "top: 0 must be at least 1"),
        ("part=trian", "part=trian: the data have train. Did you mean part=train?"),
        ("~data", "data: the records to answer, as in data=jsonl"),
        ("run=nowhere", "run: nowhere is not a run folder"),
    ],
)
def test_a_mistake_is_a_line(sentiments, tmp_path, capsys, override, line):
    run, _, file = sentiments
    given = [f"run={run.path}", "data=jsonl", f"data.train={file}", f"path={tmp_path / 'x.jsonl'}"]
    if override == "~data":
        given, override = [given[0]], "confidence=0.5"
    given = [each for each in given if each.partition("=")[0] != override.partition("=")[0]]
    assert cli.main(["pseudo_label", *given, override]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {line}") and error.count("\n") == 1
    assert not (tmp_path / "x.jsonl").exists()
