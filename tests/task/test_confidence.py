"""How sure a model is: probabilities that are those of its own logits."""

from math import exp

import pytest
import torch

from gpt_exp.decoding.greedy import Greedy
from gpt_exp.interfaces import Labelling
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.classification import HeadClassification, VerbalizerClassification
from gpt_exp.task.translation import Translation
from gpt_exp.tokenizer.byte import byte

TEXTS = [{"text": "Open"}, {"text": "Save the file"}, {"text": "?"}]


def model_of(task):
    torch.manual_seed(1)
    model = Llama(vocab_size=257, num_layers=1, num_heads=2, embedding_dim=32, context_length=64)
    host(model, task.heads)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.mark.parametrize(
    "task",
    [
        HeadClassification(labels=["a", "b", "c"]),
        VerbalizerClassification(labels=["a", "bb", "c"], template="{text}:"),
    ],
)
def test_a_labels_confidence_is_its_probability_and_the_same_in_any_batch(task):
    assert isinstance(task, Labelling)
    model = model_of(task)
    answers = task.sure_answers(model, TEXTS, byte(), Greedy())
    known = [{**record, "label": "a"} for record in TEXTS]
    predicted = task.predict(model, known, byte(), Greedy())
    assert [label for label, _ in answers] == [each.output for each in predicted]
    assert all(1 / 3 < share < 1 for _, share in answers)
    alone = [task.sure_answers(model, [record], byte(), Greedy())[0] for record in TEXTS]
    assert [share for _, share in answers] == pytest.approx([share for _, share in alone], rel=1e-4)


def test_a_texts_confidence_is_the_geometric_mean_of_its_tokens_probabilities():
    task = Translation(template="{source} =>", max_new_tokens=5)
    model = model_of(task)
    records = [{"source": "Open"}, {"source": "Save the file"}]
    answers = task.sure_answers(model, records, byte(), Greedy())
    for record, (text, share) in zip(records, answers, strict=True):
        example = task.example({**record, "target": text}, byte(), context_length=64)
        loss = task.loss(model, task.collate([example]))
        assert share == pytest.approx(exp(-loss.total.item() / loss.num_targets.item()), rel=1e-4)
