import numpy as np
import torch

from gpt_exp.interfaces import IGNORE_INDEX, Example
from gpt_exp.task.language_modeling import LanguageModeling


def test_each_target_is_the_next_token():
    batch = LanguageModeling().collate([Example(np.array([5, 6, 7])), Example(np.array([1, 2, 3]))])
    assert batch.tokens.tolist() == [[5, 6], [1, 2]]
    assert batch.targets.tolist() == [[6, 7], [2, 3]]
    assert batch.documents is None


def test_padding_is_no_target_and_no_invalid_token():
    batch = LanguageModeling().collate([Example(np.array([5, 6, IGNORE_INDEX, IGNORE_INDEX]))])
    assert batch.targets.tolist() == [[6, IGNORE_INDEX, IGNORE_INDEX]]
    assert batch.tokens.min() >= 0


def test_documents_are_kept():
    batch = LanguageModeling().collate([Example(np.array([5, 6, 7]), np.array([0, 1]))])
    assert torch.equal(batch.documents, torch.tensor([[0, 1]]))
