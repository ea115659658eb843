from dataclasses import replace

import pytest
import torch

from gpt_exp.data_module import Share
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


@pytest.mark.parametrize("answer", ["Café", "é 5", "Ölé"])
def test_a_span_holds_all_bytes_of_its_first_and_last_character(task, answer):
    context = "im Café 5, im Ölé"
    record = {
        "context": context,
        "question": "wo?",
        "answers": [answer],
        "answer_start": context.index(answer),
    }
    example = task.example(record, TOKENIZER, context_length=160)
    first, last = example.extras["span"]
    assert TOKENIZER.decode(example.tokens[first : last + 1].tolist()) == answer


@pytest.mark.parametrize("answer", ["The", "Panthers", "points", "sixth", "league."])
def test_a_long_context_is_learnt_where_the_answer_is(answer):
    record = {**RECORDS[1], "answers": [answer], "answer_start": CONTEXT.index(answer)}
    example = SpanQuestionAnswering(overlap=10).example(record, TOKENIZER, context_length=60)
    first, last = example.extras["span"]
    assert TOKENIZER.decode(example.tokens[first : last + 1].tolist()) == answer
    assert len(example.tokens) <= 61


def test_all_windows_of_a_long_context_are_searched(task, model):
    torch.nn.init.zeros_(model.heads["span"].output.weight)
    sixth = list(b"sixth")

    def scores(model, batch):
        """High where the answer stands."""
        found = torch.full((*batch.tokens.shape, 2), -1.0)
        for row, tokens in enumerate(batch.tokens.tolist()):
            for i in range(len(tokens) - 4):
                if tokens[i : i + 5] == sixth:
                    found[row, i, 0] = found[row, i + 4, 1] = 5.0
        return found

    task._scores = scores
    model.shape = replace(model.shape, context_length=40)
    found = task.predict(model, [RECORDS[1], {**RECORDS[1], "context": CONTEXT[-30:]}], TOKENIZER, Greedy())
    assert [p.output for p in found] == ["sixth", found[1].output] and found[1].output in CONTEXT[-30:]


def test_what_only_fills_up_a_device_s_share_counts_nothing(task, model):
    examples = [task.example(record, TOKENIZER, context_length=160) for record in (*RECORDS, RECORDS[0])]
    share = Share(examples, rank=1, world_size=2, batch_size=2)
    assert int(task.loss(model, task.collate([share[0], share[1]])).num_targets) == 2


def test_a_question_without_an_answer_is_not_learnt_and_counts_as_wrong(task, model):
    record = {**RECORDS[0], "answers": [], "answer_start": None}
    assert (
        int(task.loss(model, task.collate([task.example(record, TOKENIZER, context_length=160)])).num_targets)
        == 0
    )
    metric = task.metric()
    metric.update(task.predict(model, [record], TOKENIZER, Greedy()))
    assert metric.compute() == {"exact_match": 0, "f1": 0}


def test_an_answer_longer_than_a_window_is_not_learnt(task, model):
    record = {**RECORDS[1], "answers": [CONTEXT], "answer_start": 0}
    example = task.example(record, TOKENIZER, context_length=60)
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
    assert best_span(scores, 3) == (-2, 2, 3)
    scores[0, 0] = 1.0
    scores[5, 1] = 1.0
    assert best_span(scores, 3)[1:] != (0, 5)
    assert best_span(scores, 6) == (2, 0, 5)
