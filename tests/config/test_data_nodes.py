"""Data that are made of others, and fields of what has none."""

import pytest

from gpt_exp.config import data_nodes

TSV = {"_target_": "gpt_exp.data.delimited.Delimited", "train": "a.tsv"}
TOGETHER, PART = "gpt_exp.data.together.Together", "gpt_exp.data.part.Part"
TEXT = {"_target_": "gpt_exp.data.text.TextFiles", "paths": ["a.txt"]}


def told(config):
    return [(problem.key, problem.message) for problem in data_nodes.problems(config)]


@pytest.mark.parametrize(
    ("node", "key", "example"),
    [
        ({"_target_": TOGETHER, "sources": {"a": TSV, "b": None}}, "data.sources.b", "data.sources.b: jsonl"),
        ({"_target_": PART, "records": "a.tsv"}, "data.records", "data.records: jsonl"),
        (
            {"_target_": TOGETHER, "sources": {"a": {"_target_": PART, "records": {}}}},
            "data.sources.a.records",
            "data.sources.a.records: jsonl",
        ),
    ],
)
def test_a_source_that_is_none_is_told(node, key, example):
    ((found, message),) = told({"data": node})
    assert found == key
    assert message == f"is no source of records, as /data@{example} makes one"


@pytest.mark.parametrize("node", [TSV, TEXT, None, {"_target_": PART, "records": TSV}])
def test_other_data_are_left_alone(node):
    assert told({"data": node}) == []


def test_fields_are_of_records():
    task = {"_target_": "gpt_exp.task.language_modeling.LanguageModeling"}
    assert told({"data": TSV, "task": {**task, "fields": ["text"]}}) == []
    assert told({"data": TEXT, "task": task}) == []
    ((key, message),) = told({"data": TEXT, "task": {**task, "fields": ["text"]}})
    assert (key, message) == (
        "task.fields",
        "gpt_exp.data.text.TextFiles gives text, and no records with fields",
    )
    ((key, message),) = told({"data": TSV, "task": {**task, "fields": []}})
    assert message.startswith("names none")
