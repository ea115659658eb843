import math
from collections import Counter

import pytest
import torch

from gpt_exp.interfaces import Loss, Prediction
from gpt_exp.task.metric.perplexity import Perplexity
from gpt_exp.task.token_loss import TokenLoss


def test_long_lines_weigh_more_as_in_training(lines):
    ours, theirs = Perplexity(), TokenLoss()
    ours.update(lines)
    for each in lines:
        nats, num_targets = each.output["nats"], each.output["num_targets"]
        theirs.update(Loss(torch.tensor(nats), torch.tensor(num_targets)))
    found = {name: value.item() for name, value in ours.compute().items()}
    assert found == pytest.approx({name: value.item() for name, value in theirs.compute().items()}, rel=1e-5)


def test_letters_drawn_by_their_frequency_cost_their_entropy(lines):
    text = "".join(each.reference for each in lines)
    counts = Counter(text)
    cost = {letter: math.log(len(text) / count) for letter, count in counts.items()}
    entropy = sum(count * cost[letter] for letter, count in counts.items()) / len(text)
    metric = Perplexity()
    for letter in text[:500]:  # One prediction a letter, and the rest as one.
        metric.update([Prediction({"nats": cost[letter], "num_targets": 1}, letter)])
    rest = sum(cost[letter] for letter in text[500:])
    metric.update([Prediction({"nats": rest, "num_targets": len(text) - 500}, text[500:])])
    assert metric.compute()["loss"].item() == pytest.approx(entropy)


def test_a_hopeless_model_is_infinitely_perplexed():
    metric = Perplexity()
    assert metric.score(Prediction({"nats": 1000.0, "num_targets": 1}, "x")) == math.inf
