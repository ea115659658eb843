import json

import pytest

from gpt_exp.data.squad import Squad

CONTEXT = "The Panthers defense gave up just 308 points, ranking sixth in the league."  # Of XQuAD.
QUESTION = {
    "question": "How many points did the Panthers defense surrender?",
    "answers": [
        {"answer_start": 34, "text": "308"},
        {"answer_start": 34, "text": "308 points"},
        {"answer_start": 34, "text": "308"},
    ],
}
IMPOSSIBLE = {"question": "Who lost?", "answers": [], "is_impossible": True}


def source(folder, paragraphs):
    (folder / "squad.json").write_text(json.dumps({"data": [{"title": "x", "paragraphs": paragraphs}]}))
    return Squad(train=str(folder))


def test_an_answer_stands_where_it_is_said_to_start(tmp_path):
    (record,) = source(tmp_path, [{"context": CONTEXT, "qas": [QUESTION]}]).read()["train"]
    assert record["answers"] == ["308", "308 points"]
    assert record["context"][record["answer_start"] :].startswith(record["answers"][0])


def test_a_paragraphs_questions_are_a_group_and_none_need_have_an_answer(tmp_path):
    paragraphs = [
        {"context": CONTEXT, "qas": [QUESTION, IMPOSSIBLE]},
        {"context": CONTEXT[:-1], "qas": [QUESTION]},
    ]
    first, second, other = source(tmp_path, paragraphs).read()["train"]
    assert first["group"] == second["group"] != other["group"]
    assert (second["answers"], second["answer_start"]) == ([], None)


@pytest.mark.parametrize("text", ["[]", '{"data": [{"paragraphs": [{"qas": []}]}]}', "{"])
def test_another_format_is_refused_by_name(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is not in SQuAD's format"):
        Squad(train=str(tmp_path)).read()
