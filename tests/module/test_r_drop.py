"""R-Drop: nothing but cross-entropy without dropout, a penalty on disagreement with it."""

import pytest
import torch
import torch.nn.functional as F

from gpt_exp.interfaces import Choosing
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.heads import host
from gpt_exp.module.r_drop import check, r_drop_loss
from gpt_exp.run.lines import read_metrics
from gpt_exp.task.classification import HeadClassification
from gpt_exp.task.span_question_answering import SpanQuestionAnswering
from gpt_exp.task.translation import Translation
from gpt_exp.tokenizer.byte import byte

RECORDS = [  # Of a film review and of a catalog of free software.
    {"text": "a gorgeous film", "label": "positive", "source": "Log out", "target": "Abmelden"},
    {"text": "dull", "label": "negative", "source": "Air quality", "target": "Luftqualität"},
]
TASKS = {
    "tokens": Translation(template="{source} =>", label_smoothing=0.1),
    "labels": HeadClassification(labels=["negative", "positive"], label_smoothing=0.1, dropout=0.0),
}


def made(task, dropout):
    torch.manual_seed(0)
    sizes = {"vocab_size": 257, "context_length": 48, "num_layers": 2, "num_heads": 2, "embedding_dim": 16}
    model = GPT2(**sizes, dropout=dropout)
    host(model, task.heads)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    examples = [task.example(record, byte(), context_length=48) for record in RECORDS]
    return model.train(), task.collate(examples)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_without_dropout_it_is_the_tasks_own_loss(task):
    model, batch = made(task, dropout=0.0)
    ours, plain = r_drop_loss(task, model, batch, 5.0), task.loss(model, batch)
    torch.testing.assert_close(ours.total, plain.total)
    assert ours.num_targets == plain.num_targets > 0


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_it_is_the_mean_of_two_passes_and_of_their_divergences(task):
    """Against the paper's equations 2 to 4, written out on probabilities."""
    model, batch = made(task, dropout=0.2)
    torch.manual_seed(1)
    with torch.no_grad():
        (first, targets), (second, _) = (task.scores(model, batch) for _ in range(2))
    p, q = first.double().softmax(-1), second.double().softmax(-1)
    entropies = [F.cross_entropy(x, targets, reduction="sum", label_smoothing=0.1) for x in (first, second)]
    apart = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    torch.manual_seed(1)
    ours = r_drop_loss(task, model, batch, 3.0).total.detach()
    assert float(ours) == pytest.approx(float(sum(entropies) / 2 + 3.0 * apart), rel=1e-5)
    assert float(apart) > 1e-3


def test_it_draws_the_two_passes_together():
    task = TASKS["tokens"]
    model, batch = made(task, dropout=0.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = divergence_of(task, model, batch)
    for _ in range(30):
        optimizer.zero_grad()
        r_drop_loss(task, model, batch, 20.0).total.backward()
        optimizer.step()
    assert divergence_of(task, model, batch) < before / 2


def divergence_of(task, model, batch):
    """The penalty alone: the losses of two weights at the same dropout masks, less each other."""
    totals = []
    for weight in (1.0, 0.0):
        torch.manual_seed(1)
        with torch.no_grad():
            totals.append(float(r_drop_loss(task, model, batch, weight).total))
    return totals[0] - totals[1]


def test_a_task_without_choices_is_refused():
    assert all(isinstance(task, Choosing) for task in TASKS.values())
    with pytest.raises(ValueError, match=r"module.r_drop=1.0: task \w+ does not tell"):
        check(SpanQuestionAnswering(), 1.0)
    with pytest.raises(ValueError, match=r"module.r_drop=-1 must be at least 0"):
        check(TASKS["tokens"], -1)


def test_a_second_loss_would_be_left_out_and_is_refused():
    with pytest.raises(ValueError, match=r"module.r_drop=1.0 leaves out task.language_modeling"):
        check(HeadClassification(labels=["a", "b"], language_modeling=0.5), 1.0)


def test_a_run_learns_with_it_and_validates_without(train_pairs):
    given = ["model.dropout=0.1", "module.num_predicted=0", "task.label_smoothing=0"]
    folder = train_pairs(*given, "module.r_drop=1.0")
    lines = read_metrics(folder.metrics)
    trained = [m["train/loss"] for m in lines if "train/loss" in m]
    validated = [m["val/loss"] for m in lines if "val/loss" in m]
    assert sum(trained[-3:]) < sum(trained[:3])
    assert validated[-1] < trained[0]
