"""A summary is learnt after its text; the best of several references counts."""

import pytest

from gpt_exp.interfaces import Prediction
from gpt_exp.task.summarization import Summarization
from gpt_exp.tokenizer.byte import byte

RECORD = {
    "source": "Return the list of lines. Line breaks are not included unless keepends is given and true.",
    "target": ["Split a string into lines.", "Return a list of the lines in the string."],
}


def test_of_a_long_text_the_end_is_left_out_and_the_first_summary_is_learnt():
    task = Summarization(template="{source}\nTL;DR:")
    example = task.example(RECORD, byte(), context_length=64)
    text = byte().decode(example.tokens[1:-1].tolist())
    assert len(example.tokens) == 65
    assert text.startswith("Return the list") and text.endswith("\nTL;DR: Split a string into lines.")
    assert byte().decode(example.tokens[1:][example.is_target].tolist()[:-1]) == " Split a string into lines."


def test_the_best_of_several_references_counts():
    task = Summarization(template="{source}")
    exact = task.metric().values(task.metric().statistics(Prediction(RECORD["target"][1], RECORD["target"])))
    assert exact["rougeL"] == 100


def test_endings_are_dropped_unless_asked_otherwise():
    pair = Prediction("splits strings", "splitting string")
    scores = [
        Summarization(template="{source}", stemmer=stemmer).metric().score(pair) for stemmer in (True, False)
    ]
    assert scores == pytest.approx([100, 0])


def test_a_question_is_a_text_or_an_object():
    task = Summarization(template="{source}\nTL;DR:")
    assert task.ask("A text.") == {"source": "A text."}
    assert task.ask('{"source": "S", "title": "T"}') == {"source": "S", "title": "T"}
    assert task.ask("[1, 2]") == {"source": "[1, 2]"}


def test_a_question_without_all_fields_is_told():
    with pytest.raises(ValueError, match=r'no title; .* \{"title": "\.\.\.", "source": "\.\.\."\}'):
        Summarization(template="{title}: {source}", cut="source").ask("A text.")
