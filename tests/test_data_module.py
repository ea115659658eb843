import numpy as np
import pytest

from gpt_exp.data_module import GlobalBatches, Share
from gpt_exp.interfaces import IGNORE_INDEX, Example


def first_steps(num_steps, *, accumulate=1, world_size=1, first_step=0, repeat_steps=None):
    """The sample numbers of each step, over all devices and micro-batches, sorted."""
    devices = [
        iter(
            GlobalBatches(
                batch_size=8,
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


def test_a_resumed_sampler_goes_on_where_the_first_one_stopped():
    assert first_steps(6)[2:] == first_steps(4, first_step=2)


def test_repeated_steps_come_round_again():
    assert first_steps(4, repeat_steps=2) == first_steps(2) * 2


def test_an_indivisible_batch_is_refused():
    with pytest.raises(ValueError, match="batch_size=8 is not divisible by 3 devices"):
        GlobalBatches(batch_size=8, world_size=3)


class Blocks:
    """Ten blocks whose tokens say which block they are."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return Example(np.full(4, index))


def shares(*, world_size, batch_size=2, max_batches=None):
    return [
        [share[i].tokens[0] for i in range(len(share))]
        for share in (
            Share(Blocks(), rank=rank, world_size=world_size, batch_size=batch_size, max_batches=max_batches)
            for rank in range(world_size)
        )
    ]


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_devices_share_every_block_once_in_equally_many_batches(world_size):
    parts = shares(world_size=world_size)
    assert sorted(token for part in parts for token in part if token != IGNORE_INDEX) == list(range(10))
    assert len({len(part) for part in parts}) == 1


def test_a_part_of_a_split_is_spread_over_the_whole_of_it():
    assert shares(world_size=1, max_batches=2) == [[0, 2, 5, 7]]
