import pytest

from gpt_exp.task.question_answering import QuestionAnswering
from gpt_exp.tokenizer.byte import byte

TOKENIZER = byte()
RECORD = {"context": "It ranks sixth.", "question": "Where does it rank?", "answers": ["sixth", "the 6th"]}


@pytest.fixture
def task():
    return QuestionAnswering(template="{context}\nQuestion: {question}\nAnswer:", cut="context")


def test_the_first_answer_is_learnt_and_any_is_right(task):
    example = task.example(RECORD, TOKENIZER, context_length=128)
    learnt = example.tokens[1:][example.is_target].tolist()
    assert learnt == [*b" sixth", TOKENIZER.end_of_text]
    assert task.reference(RECORD) == RECORD["answers"]


def test_where_there_is_no_answer_nothing_is_to_be_written(task):
    record = {**RECORD, "answers": []}
    example = task.example(record, TOKENIZER, context_length=128)
    assert example.tokens[1:][example.is_target].tolist() == [TOKENIZER.end_of_text]
    assert task.reference(record) == [""]
