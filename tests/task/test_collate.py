import numpy as np
import torch

from gpt_exp.interfaces import IGNORE_INDEX, Example
from gpt_exp.task.collate import collate, on_device


def example(length, **known):
    return Example(np.arange(1, length + 1), **known)


def test_a_row_alone_keeps_its_inputs_where_targets_are_masked():
    batch = collate([example(5, is_target=np.array([False, False, True, True]))])
    assert batch.tokens.tolist() == [[1, 2, 3, 4]]
    assert batch.targets.tolist() == [[IGNORE_INDEX, IGNORE_INDEX, 4, 5]]


def test_shorter_examples_are_filled_up_behind_and_the_filling_is_no_target():
    batch = collate([example(3), example(5)])
    assert batch.tokens.shape == batch.targets.shape == (2, 4)
    assert batch.targets[0].tolist() == [2, 3, IGNORE_INDEX, IGNORE_INDEX]


def test_extras_are_stacked_and_go_to_the_device_with_the_rest():
    batch = collate([example(3, extras={"label": np.array(i)}) for i in (4, 7)])
    moved = on_device(batch, torch.device("meta"))
    assert batch.extras["label"].tolist() == [4, 7]
    assert {tensor.device.type for tensor in (moved.tokens, moved.targets, moved.extras["label"])} == {"meta"}
    assert moved.documents is None
