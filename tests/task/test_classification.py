import math
from functools import partial

import pytest
import torch

from gpt_exp.data_module import Share
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.classification import HeadClassification, VerbalizerClassification
from gpt_exp.tokenizer.byte import byte

LABELS = ["negative", "positive"]
RECORDS = [  # Stanford Sentiment Treebank, training split.
    {"text": "a stirring , funny and finally transporting re imagining", "label": "positive"},
    {"text": "apparently reassembled from the cutting room floor of any given soap", "label": "negative"},
    {"text": "films provide some great insight into the neurotic mindset", "label": "positive"},
    {"text": "they presume their audience wo n't sit still", "label": "negative"},
]
TOKENIZER = byte()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Llama(vocab_size=257, context_length=96, num_layers=2, num_heads=2, embedding_dim=32, dropout=0.1)


@pytest.fixture
def by_head(model):
    task = HeadClassification(labels=LABELS)
    host(model, task.heads)
    return task


def batch_of(task, model, records=RECORDS):
    return task.collate(
        [task.example(r, TOKENIZER, context_length=model.shape.context_length) for r in records]
    )


def test_before_training_every_label_is_equally_likely(model, by_head):
    loss = by_head.loss(model, batch_of(by_head, model))
    assert int(loss.num_targets) == len(RECORDS)
    assert loss.total.item() / len(RECORDS) == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_text_is_classified_by_its_own_tokens_whatever_stands_beside_it(model, pooling):
    by_head = HeadClassification(labels=LABELS, pooling=pooling)
    host(model, by_head.heads)
    torch.nn.init.normal_(model.heads["classification"].output.weight)
    model.eval()
    together = by_head.scores(model, batch_of(by_head, model))[0]
    alone = torch.cat([by_head.scores(model, batch_of(by_head, model, [record]))[0] for record in RECORDS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_mean_is_that_of_all_hidden_states_of_a_text(model):
    task = HeadClassification(labels=LABELS, pooling="mean")
    host(model, task.heads)
    torch.nn.init.normal_(model.heads["classification"].output.weight)
    model.eval()
    tokens = torch.tensor([[256, *TOKENIZER.encode(RECORDS[0]["text"]), 256]])
    expected = model.heads["classification"](model(tokens).mean(1))
    torch.testing.assert_close(task.scores(model, batch_of(task, model, RECORDS[:1]))[0], expected)


def test_the_texts_own_loss_is_added_in_training_by_its_weight(model):
    plain, beside = (
        HeadClassification(labels=LABELS),
        HeadClassification(labels=LABELS, language_modeling=0.5),
    )
    host(model, plain.heads)
    for dropout in (m for m in model.modules() if hasattr(m, "p")):
        dropout.p = 0.0
    batch = batch_of(plain, model, RECORDS[:2])
    model.eval()
    assert torch.equal(beside.loss(model, batch).total, plain.loss(model, batch).total)
    texts = [torch.tensor([[256, *TOKENIZER.encode(record["text"]), 256]]) for record in RECORDS[:2]]
    own = [model.loss(model(text[:, :-1]), text[:, 1:]) for text in texts]
    expected = plain.loss(model, batch).total + 0.5 * sum(loss.total / loss.num_targets for loss in own)
    model.train()
    torch.testing.assert_close(beside.loss(model, batch).total, expected)


@pytest.mark.parametrize("settings", [{"pooling": "max"}, {"language_modeling": -1}])
def test_a_setting_out_of_range_is_named(settings):
    with pytest.raises(ValueError, match=rf"task\.{next(iter(settings))}="):
        HeadClassification(labels=LABELS, **settings)


def test_a_head_learns_the_labels(model, by_head):
    optimizer, batch = torch.optim.AdamW(model.parameters(), lr=3e-3), batch_of(by_head, model)
    for _ in range(40):
        optimizer.zero_grad()
        loss = by_head.loss(model, batch)
        (loss.total / loss.num_targets).backward()
        optimizer.step()
    found = by_head.predict(model, RECORDS, TOKENIZER, Greedy())
    assert [p.output for p in found] == [p.reference for p in found] == [r["label"] for r in RECORDS]


def test_what_only_fills_up_a_batch_counts_nothing(model, by_head):
    examples = [by_head.example(record, TOKENIZER, context_length=96) for record in RECORDS[:3]]
    shares = [Share(examples, rank=rank, world_size=2, batch_size=2) for rank in (0, 1)]
    own = [by_head.loss(model, by_head.collate([share[0], share[1]])) for share in shares]
    assert [int(loss.num_targets) for loss in own] == [2, 1]


def test_a_long_text_keeps_its_beginning(model, by_head):
    example = by_head.example({"text": "ab" * 200, "label": "positive"}, TOKENIZER, context_length=96)
    assert len(example.tokens) == 97
    assert example.tokens[:3].tolist() == [TOKENIZER.end_of_text, ord("a"), ord("b")]


def test_a_label_that_is_none_is_told():
    task = HeadClassification(labels=LABELS)
    with pytest.raises(ValueError, match=r"'neutral', none of task\.labels: negative, positive"):
        task.example({"text": "fine", "label": "neutral"}, TOKENIZER, context_length=32)
    with pytest.raises(ValueError, match="two different names"):
        HeadClassification(labels=["one"])


def test_a_verbalizer_gives_the_label_that_training_made_probable(model):
    task = VerbalizerClassification(labels=LABELS, template="{text}\nSentiment:")
    optimizer, batch = torch.optim.AdamW(model.parameters(), lr=3e-3), batch_of(task, model)
    for _ in range(60):
        optimizer.zero_grad()
        loss = task.loss(model, batch)
        (loss.total / loss.num_targets).backward()
        optimizer.step()
    found = task.predict(model, RECORDS, TOKENIZER, Greedy())
    assert [p.output for p in found] == [r["label"] for r in RECORDS]


def test_a_verbalizer_answers_with_labels_alone_also_after_shots(model):
    task = VerbalizerClassification(labels=LABELS, template="{text}\nSentiment:")
    found = task.predict(model, RECORDS[:2], TOKENIZER, Greedy(), shots=RECORDS[2:])
    assert {p.output for p in found} <= set(LABELS)


def test_a_verbalizer_s_answer_is_a_label(model):
    task = VerbalizerClassification(labels=LABELS, template="{text}\nSentiment:")
    found = task.generate(model, [task.ask("a fine film")], TOKENIZER, Greedy())
    assert found == [
        p.output
        for p in task.predict(model, [{"text": "a fine film", "label": "positive"}], TOKENIZER, Greedy())
    ]
    assert set(found) <= set(LABELS)


@pytest.mark.parametrize(
    "task_of", [HeadClassification, partial(VerbalizerClassification, template="{text} is")]
)
def test_labels_may_be_numbers(model, task_of):
    task, records = task_of(labels=[0, 1]), [{"text": text, "label": n} for n, text in enumerate("ab")]
    host(model, task.heads)
    assert int(task.loss(model, batch_of(task, model, records)).num_targets) >= 2
    metric = task.metric()
    metric.update(task.predict(model, records, TOKENIZER, Greedy()))
    assert metric.compute()["accuracy"] in (0, 0.5, 1)
    with pytest.raises(ValueError, match=r"'2', none of task\.labels: 0, 1"):
        task.example({"text": "c", "label": 2}, TOKENIZER, context_length=32)
