import numpy as np
import pytest
import torch
from torch import nn

from gpt_exp.interfaces import Example
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.classification import HeadClassification
from gpt_exp.task.several import Several, TaskModel
from gpt_exp.task.translation import Translation


def tasks():
    kinds = {"topic": ["sport", "politics", "art"], "mood": ["good", "bad"]}
    found = {name: HeadClassification(labels=labels) for name, labels in kinds.items()}
    return Several({**found, "translation": Translation(template="{source} =>")})


def hosting(several):
    model = Llama(vocab_size=11, num_layers=1, num_heads=2, embedding_dim=8, context_length=16, dropout=0.5)
    host(model, several.heads)
    return model


def test_a_task_sees_its_own_heads_by_their_names():
    model = hosting(tasks())
    assert TaskModel(model, "topic").heads["classification"].output.out_features == 3
    assert TaskModel(model, "mood").heads["classification"] is model.heads["mood"]["classification"]
    assert not len(TaskModel(model, "translation").heads)


def test_what_a_task_sees_is_the_model_itself():
    model = hosting(tasks()).eval()
    seen, tokens = TaskModel(model, "mood"), torch.tensor([[1, 2, 3]])
    assert torch.equal(seen.logits(seen(tokens)), model.logits(model(tokens)))
    assert seen.shape is model.shape
    model.train()
    assert seen.training  # So labels are smoothed and dropout drops as in the model.
    seen.eval()
    assert not model.training


def test_a_batch_is_divided_by_task_in_the_tasks_order():
    words = Example(np.array([1, 2, 3, 4]), is_target=np.array([False, True, True]), task="translation")
    label = {"label": np.array(2), "length": np.array(2)}
    text = Example(np.array([1, 1, -100]), is_target=np.zeros(2, bool), extras=label, task="topic")
    batches = tasks().collate([words, text, words])
    assert list(batches) == ["topic", "translation"]
    assert batches["translation"].targets.tolist() == [[-100, 3, 4]] * 2
    assert batches["topic"].extras["label"].tolist() == [2]


def test_a_name_that_a_module_cannot_have_is_refused():
    for name in ("keys", "training", "a b"):
        with pytest.raises(ValueError, match=f"tasks.{name}: no name for a task"):
            Several({name: HeadClassification(labels=["a", "b"])})
    assert isinstance(hosting(tasks()).heads["topic"], nn.ModuleDict)
