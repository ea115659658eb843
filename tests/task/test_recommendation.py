"""Items are the modules that files of the standard library import, in their order."""

import ast
import importlib.util

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gpt_exp.decoding.greedy import Greedy
from gpt_exp.interfaces import Prediction
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.recommendation import Recommendation
from gpt_exp.tokenizer import items
from gpt_exp.tokenizer.byte import byte

FILES = ("argparse", "calendar", "csv", "fractions", "gzip", "tarfile", "tempfile", "zipfile")
CONTEXT = 16


def imports(name):
    tree = ast.parse(importlib.util.find_spec(name).loader.get_source(name))
    nodes = [node for node in tree.body if isinstance(node, ast.Import)]
    return [alias.name for node in nodes for alias in node.names]


RECORDS = [{"user": name, "items": found} for name in FILES if len(found := imports(name)) > 1]
HELD_OUT = [{**record, "items": record["items"][:-1], "target": record["items"][-1]} for record in RECORDS]
TOKENIZER = items.train(" ".join(record["items"]) for record in RECORDS)


def model_for(task, *, context_length=CONTEXT):
    torch.manual_seed(0)
    model = Llama(
        vocab_size=TOKENIZER.vocab_size + 3,
        context_length=context_length,
        num_layers=2,
        num_heads=2,
        embedding_dim=32,
    )
    host(model, task.heads)
    return model


def answers(task, model, records):
    return task.predict(model, records, TOKENIZER, Greedy())


def test_without_a_target_all_items_but_the_first_are_learnt_else_the_target_alone():
    task = Recommendation()
    record = max(RECORDS, key=lambda each: len(each["items"]))
    names = record["items"]
    example = task.example(record, TOKENIZER, context_length=CONTEXT)
    assert example.tokens.tolist() == [TOKENIZER.end_of_text, *TOKENIZER.encode(" ".join(names))]
    assert example.is_target.tolist() == [False] + [True] * (len(names) - 1)
    held_out = {**record, "items": names[:-1], "target": names[-1]}
    tested = task.example(held_out, TOKENIZER, context_length=CONTEXT)
    assert tested.tokens.tolist() == example.tokens.tolist()
    assert tested.is_target.tolist() == [False] * (len(names) - 1) + [True]


def test_a_history_of_one_item_is_learnt_from_nothing():
    example = Recommendation().example({"items": ["os"]}, TOKENIZER, context_length=CONTEXT)
    assert example.tokens.tolist() == [TOKENIZER.end_of_text, *TOKENIZER.encode("os")]
    assert example.is_target.tolist() == [True]


def test_of_a_long_history_the_newest_items_count():
    task, names = Recommendation(), max((record["items"] for record in RECORDS), key=len)
    example = task.example({"items": names[:-1], "target": names[-1]}, TOKENIZER, context_length=3)
    assert TOKENIZER.decode(example.tokens[1:]).split() == names[-3:]
    model = model_for(task, context_length=4)
    (long,) = answers(task, model, [{"items": names[:-1], "target": names[-1]}])
    scores = model.logits(
        model(torch.tensor([[TOKENIZER.end_of_text, *TOKENIZER.encode(" ".join(names[-4:-1]))]]))
    )
    order = TOKENIZER.decode(scores[0, -1].argsort(descending=True).tolist()).split()
    assert long.output == [name for name in order if name not in (*names[:-1], "<unk>", "<|endoftext|>")]


@pytest.mark.parametrize("head", [None, "item"])
def test_the_loss_is_the_cross_entropy_of_each_items_successor(head):
    task = Recommendation(head=head)
    model = model_for(task)
    batch = task.collate([task.example(record, TOKENIZER, context_length=CONTEXT) for record in RECORDS])
    loss = task.loss(model, batch)
    alone = []
    for record in RECORDS:
        tokens = torch.tensor([[TOKENIZER.end_of_text, *TOKENIZER.encode(" ".join(record["items"]))]])
        hidden = model(tokens[:, :-1])[:, 1:]
        logits = model.heads["item"](hidden) if head else model.logits(hidden)
        alone.append(F.cross_entropy(logits[0], tokens[0, 2:], reduction="sum"))
    assert int(loss.num_targets) == sum(len(record["items"]) - 1 for record in RECORDS)
    torch.testing.assert_close(loss.total, torch.stack(alone).sum())


@pytest.mark.parametrize("head", [None, "item"])
def test_a_batch_answers_as_each_record_alone(head):
    task = Recommendation(head=head)
    model = model_for(task)
    alone = [answers(task, model, [record])[0] for record in HELD_OUT]
    assert answers(task, model, HELD_OUT) == alone
    assert len({tuple(prediction.output) for prediction in alone}) == len(alone)


def test_the_ranking_is_the_whole_catalogue_without_what_the_user_had():
    catalogue = {name for record in RECORDS for name in record["items"]}
    for exclude_seen in (True, False):
        task = Recommendation(num_ranked=1000, exclude_seen=exclude_seen)
        for record, prediction in zip(HELD_OUT, answers(task, model_for(task), HELD_OUT), strict=True):
            left_out = set(record["items"]) if exclude_seen else set()
            assert set(prediction.output) == catalogue - left_out
            assert len(prediction.output) == len(set(prediction.output))
            assert prediction.reference == record["target"]


def test_training_brings_the_next_item_to_the_top():
    task = Recommendation(k=1, num_ranked=5)
    model = model_for(task)
    batch = task.collate([task.example(record, TOKENIZER, context_length=CONTEXT) for record in RECORDS])
    before, optimizer = judged(task, model), torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = task.loss(model, batch)
        (loss.total / loss.num_targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert before["hit_rate@1"] < 0.5 and judged(task, model)["hit_rate@1"] == 1


def judged(task, model):
    metric = task.metric()
    metric.update(answers(task, model, HELD_OUT))
    return metric.compute()


def test_an_unknown_target_is_a_miss():
    task = Recommendation()
    (prediction,) = answers(task, model_for(task), [{"items": RECORDS[0]["items"], "target": "no_module"}])
    assert isinstance(prediction, Prediction)
    np.testing.assert_array_equal(task.metric().statistics(prediction), [0, 0, 0, 1])


def test_labels_are_smoothed_in_training_alone():
    model = model_for(Recommendation())
    batch = Recommendation().collate(
        [Recommendation().example(record, TOKENIZER, context_length=CONTEXT) for record in RECORDS]
    )
    plain, smooth = Recommendation(), Recommendation(label_smoothing=0.5)
    with torch.no_grad():
        assert not torch.allclose(plain.loss(model, batch).total, smooth.loss(model, batch).total)
        model.eval()
        assert torch.equal(plain.loss(model, batch).total, smooth.loss(model, batch).total)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"items": ["os", "email mime"]}, "'email mime'"),
        ({"items": []}, "at least one item"),
        ({"items": "os sys"}, "must be a list"),
        ({"user": "x"}, "not None"),
    ],
)
def test_what_is_no_history_is_told(record, told):
    with pytest.raises(ValueError, match=told):
        Recommendation().example(record, TOKENIZER, context_length=CONTEXT)


@pytest.mark.parametrize(
    "setting", [{"k": 0}, {"k": 20, "num_ranked": 10}, {"head": "items"}, {"label_smoothing": 1}]
)
def test_settings_out_of_range_are_told(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Recommendation(**setting)


def test_shots_are_refused():
    task = Recommendation()
    with pytest.raises(ValueError, match="shots"):
        task.predict(model_for(task), HELD_OUT, TOKENIZER, Greedy(), shots=RECORDS)


def test_beside_text_items_alone_are_ranked():
    names = sorted({item for record in RECORDS for item in record["items"]})
    both, task = byte().with_items(names), Recommendation(num_ranked=1000)
    assert task.items(RECORDS[0]) == RECORDS[0]["items"]
    tokens = task.example({"items": ["unheard of", names[1]]}, both, context_length=8).tokens
    assert tokens.tolist() == [both.end_of_text, both.unknown_item, both.items[names[1]]]
    model = Llama(
        vocab_size=both.vocab_size, context_length=CONTEXT, num_layers=1, num_heads=2, embedding_dim=8
    )
    (prediction,) = task.predict(model, [HELD_OUT[0]], both, Greedy())
    assert sorted(prediction.output) == sorted(set(names) - set(HELD_OUT[0]["items"]))
