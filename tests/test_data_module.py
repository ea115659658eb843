import numpy as np
import pytest

from gpt_exp.data_module import GlobalBatches, Share
from gpt_exp.growth.phases import Phases, constant
from gpt_exp.interfaces import IGNORE_INDEX, Example

EIGHT = constant(8)
GROWING = Phases([0, 2, 5], [8, 16, 32])


def first_steps(num_steps, *, batch_sizes=EIGHT, accumulate=1, world_size=1, first_step=0, repeat_steps=None):
    """The sample numbers of each step, over all devices and micro-batches, sorted."""
    devices = [
        iter(
            GlobalBatches(
                batch_sizes=batch_sizes,
                accumulate=accumulate,
                rank=rank,
                world_size=world_size,
                first_step=first_step,
                repeat_steps=repeat_steps,
            )
        )
        for rank in range(world_size)
    ]
    return [
        sorted(index for device in devices for _ in range(accumulate) for index in next(device))
        for _ in range(num_steps)
    ]


@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 2), (2, 1), (2, 2), (1, 4), (8, 1)])
def test_a_step_reads_the_same_samples_on_any_number_of_devices(accumulate, world_size):
    split = first_steps(5, accumulate=accumulate, world_size=world_size)
    assert split == first_steps(5)
    assert [index for step in split for index in step] == list(range(40))


@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 2), (2, 1), (2, 2), (1, 4), (8, 1)])
def test_a_growing_batch_reads_on_where_the_smaller_ones_ended(accumulate, world_size):
    split = first_steps(7, batch_sizes=GROWING, accumulate=accumulate, world_size=world_size)
    assert [len(step) for step in split] == [8, 8, 16, 16, 16, 32, 32]
    assert [index for step in split for index in step] == list(range(128))
    for first in (1, 2, 4, 6):
        resumed = first_steps(
            7 - first, batch_sizes=GROWING, accumulate=accumulate, world_size=world_size, first_step=first
        )
        assert resumed == split[first:]


def test_repeated_steps_of_a_growing_batch_read_their_examples_in_turn():
    read = [index for step in first_steps(6, batch_sizes=GROWING, repeat_steps=3) for index in step]
    assert set(read) == set(range(32))
    assert first_steps(3, batch_sizes=GROWING, repeat_steps=3) == first_steps(3, batch_sizes=GROWING)


def test_a_resumed_sampler_goes_on_where_the_first_one_stopped():
    assert first_steps(6)[2:] == first_steps(4, first_step=2)


def test_repeated_steps_come_round_again():
    assert first_steps(4, repeat_steps=2) == first_steps(2) * 2


def test_an_indivisible_batch_is_refused():
    with pytest.raises(ValueError, match="batch_size=8 is not divisible by 3 devices"):
        GlobalBatches(batch_sizes=EIGHT, world_size=3)
    with pytest.raises(ValueError, match="batch_size=8 is not divisible by 16 devices"):
        GlobalBatches(batch_sizes=GROWING, world_size=16)


class Blocks:
    """Ten blocks whose tokens say which block they are."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return Example(np.full(4, index))


def shares(*, world_size, batch_size=2, limit=None):
    return [
        [share[i].tokens[0] for i in range(len(share))]
        for share in (
            Share(Blocks(), rank=rank, world_size=world_size, batch_size=batch_size, limit=limit)
            for rank in range(world_size)
        )
    ]


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_devices_share_every_block_once_in_equally_many_batches(world_size):
    parts = shares(world_size=world_size)
    assert sorted(token for part in parts for token in part if token != IGNORE_INDEX) == list(range(10))
    assert len({len(part) for part in parts}) == 1


def test_a_part_of_a_split_is_spread_over_the_whole_of_it():
    assert shares(world_size=1, limit=4) == [[0, 2, 5, 7]]
