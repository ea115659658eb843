import numpy as np
import pytest

from gpt_exp.interfaces import IGNORE_INDEX, Example
from gpt_exp.sampling.packed_records import PackedRecords, best_fit


class Lines:
    """Every line of a text as a record of its bytes; the second half of a line is its target."""

    def __init__(self, text):
        self.lines = [line.encode() for line in text.splitlines() if 1 < len(line) < 90]
        self.lengths = np.array([len(line) - 1 for line in self.lines])

    def __len__(self):
        return len(self.lines)

    def example(self, index, *, epoch):
        tokens = np.frombuffer(self.lines[index], dtype=np.uint8).astype(np.int64)
        return Example(tokens, is_target=np.arange(1, len(tokens)) >= len(tokens) // 2)


@pytest.fixture
def lines(public_domain):
    return Lines(public_domain[:6000])


@pytest.fixture
def packs(lines):
    return PackedRecords().training_records(lines, context_length=255, batch_size=4, seed=5)


def documents(example):
    """The tokens of each document in a sequence."""
    numbers = [number for number in dict.fromkeys(example.documents.tolist()) if number]
    padded = np.append(example.documents, example.documents[-1])
    is_token = example.tokens != IGNORE_INDEX
    return [example.tokens[(padded == number) & is_token] for number in numbers]


def test_an_epoch_holds_every_record_once(lines, packs):
    found = [bytes(d.tolist()) for i in range(packs.num_packs) for d in documents(packs[i])]
    assert sorted(found) == sorted(lines.lines)


def test_epochs_have_orders_of_their_own(packs):
    first = [packs[i].tokens.tolist() for i in range(packs.num_packs)]
    second = [packs[packs.num_packs + i].tokens.tolist() for i in range(packs.num_packs)]
    assert first != second
    assert sorted(first) == sorted(second)


def test_targets_are_those_of_the_records_and_none_lies_across_a_border(lines, packs):
    wanted = sum(int(lines.example(i, epoch=0).is_target.sum()) for i in range(len(lines)))
    examples = [packs[i] for i in range(packs.num_packs)]
    assert sum(int(e.is_target.sum()) for e in examples) == wanted
    for example in examples:
        borders = np.append(example.documents[1:] != example.documents[:-1], False)
        assert not (example.is_target & borders).any()


def test_packs_are_nearly_full(lines, packs):
    filled = sorted((packs[i].tokens != IGNORE_INDEX).mean() for i in range(packs.num_packs))
    assert filled[1] > 0.9  # All but the last one.


class Growing(Lines):
    """Lines of which augmentation makes some longer, the even ones by a word."""

    def example(self, index, *, epoch):
        plain = super().example(index, epoch=epoch)
        if epoch is None or index % 2:
            return plain
        is_target = np.append(np.zeros(7, bool), plain.is_target)
        return Example(
            np.append(np.frombuffer(b"longer ", np.uint8).astype(int), plain.tokens), is_target=is_target
        )


def test_what_augmentation_makes_longer_pushes_no_target_out(public_domain):
    growing = Growing(public_domain[:6000])
    packs = PackedRecords().training_records(growing, context_length=255, batch_size=4, seed=5)
    wanted = sum(int(growing.example(i, epoch=0).is_target.sum()) for i in range(len(growing)))
    examples = [packs[i] for i in range(packs.num_packs)]
    assert sum(int(e.is_target.sum()) for e in examples) == wanted
    found = [bytes(d.tolist()) for example in examples for d in documents(example)]
    assert sorted(d.removeprefix(b"longer ") for d in found) == sorted(growing.lines)
    assert any(d.startswith(b"longer ") for d in found)


def test_a_sequences_mean_length_is_that_of_its_records_together(lines, packs):
    read = sum(int((packs[i].tokens != IGNORE_INDEX).sum()) for i in range(packs.num_packs))
    assert packs.tokens_per_example == pytest.approx((read - len(lines)) / packs.num_packs)


def test_best_fit_keeps_within_the_capacity(lines):
    sizes = lines.lengths + 1
    packed = best_fit(sizes, np.arange(len(sizes)), 256)
    assert max(int(sizes[pack].sum()) for pack in packed) <= 256
    assert sorted(i for pack in packed for i in pack) == list(range(len(sizes)))


def test_records_with_extras_are_not_packed(lines):
    class Labelled(Lines):
        def example(self, index, *, epoch):
            return super().example(index, epoch=epoch)._replace(extras={"label": np.array(0)})

    labelled = Labelled("one line\nand another\n")
    with pytest.raises(ValueError, match="length_buckets"):
        PackedRecords().training_records(labelled, context_length=64, batch_size=2, seed=0)[0]
