import pytest
import torch

from gpt_exp.decoding.greedy import Greedy
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.span_question_answering import SpanQuestionAnswering, best_span
from gpt_exp.tokenizer.byte import byte

TOKENIZER = byte()
CONTEXT = (
    "The Panthers defense gave up just 308 points, ranking sixth in the league."  # XQuAD, first paragraph.
)
RECORDS = [
    {
        "context": CONTEXT,
        "question": "How many points did the Panthers defense surrender?",
        "answers": ["308"],
        "answer_start": CONTEXT.index("308"),
    },
    {
        "context": CONTEXT,
        "question": "Where did it rank?",
        "answers": ["sixth"],
        "answer_start": CONTEXT.index("sixth"),
    },
]


@pytest.fixture
def task():
    return SpanQuestionAnswering(max_answer_tokens=12)


@pytest.fixture
def model(task):
    torch.manual_seed(0)
    model = Llama(vocab_size=257, context_length=160, num_layers=2, num_heads=2, embedding_dim=32)
    host(model, task.heads)
    return model


@pytest.mark.parametrize("record", RECORDS)
def test_the_span_that_is_learnt_is_the_answer(task, record):
    example = task.example(record, TOKENIZER, context_length=160)
    first, last = example.extras["span"]
    assert TOKENIZER.decode(example.tokens[first : last + 1].tolist()) == record["answers"][0]


def test_a_span_is_found_behind_characters_of_several_bytes(task):
    record = {"context": "Größe: 308 Punkte", "question": "Wie viele?", "answers": ["308"], "answer_start": 7}
    example = task.example(record, TOKENIZER, context_length=160)
    first, last = example.extras["span"]
    assert TOKENIZER.decode(example.tokens[first : last + 1].tolist()) == "308"


def test_an_answer_that_is_cut_off_is_not_learnt(task, model):
    example = task.example(RECORDS[1], TOKENIZER, context_length=60)
    loss = task.loss(model, task.collate([example]))
    assert int(loss.num_targets) == 0
    assert loss.total.item() == 0


def test_the_head_learns_to_point(task, model):
    batch = task.collate([task.example(record, TOKENIZER, context_length=160) for record in RECORDS])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(80):
        optimizer.zero_grad()
        loss = task.loss(model, batch)
        assert int(loss.num_targets) == 4
        (loss.total / loss.num_targets).backward()
        optimizer.step()
    found = task.predict(model, RECORDS, TOKENIZER, Greedy())
    assert [p.output for p in found] == ["308", "sixth"]
    assert task.metric().values(sum(task.metric().statistics(p) for p in found))["exact_match"] == 100


def test_no_answer_is_taken_from_the_question(task, model):
    for prediction in task.predict(model, RECORDS, TOKENIZER, Greedy()):
        assert prediction.output in CONTEXT


def test_the_best_span_does_not_end_before_it_begins_nor_too_late():
    scores = torch.full((6, 2), -5.0)
    scores[4, 0] = scores[1, 1] = 0.0  # The best beginning lies behind the best end.
    scores[2, 0] = -1.0
    scores[3, 1] = -1.0
    assert best_span(scores, 3) == (2, 3)
    scores[0, 0] = 1.0
    scores[5, 1] = 1.0
    assert best_span(scores, 3) != (0, 5)
    assert best_span(scores, 6) == (0, 5)
