import numpy as np
import pytest

from gpt_exp.interfaces import Example
from gpt_exp.sampling.length_buckets import LengthBuckets


class Words:
    """Every word of a text as a record whose length is the word's; its first token says its number."""

    def __init__(self, text):
        self.words = text.split()
        self.lengths = np.array([len(word) for word in self.words])

    def __len__(self):
        return len(self.words)

    def example(self, index, *, epoch):
        return Example(np.full(self.lengths[index] + 1, index))


@pytest.fixture
def words(public_domain):
    return Words(public_domain[:3000])


def numbers(examples, count):
    return [int(examples[i].tokens[0]) for i in range(count)]


def test_an_epoch_has_every_record_at_most_once_and_leaves_less_than_a_batch(words):
    examples = LengthBuckets().training_records(words, context_length=64, batch_size=16, seed=1)
    epoch = len(words) // 16 * 16
    first, second = numbers(examples, epoch), [int(examples[epoch + i].tokens[0]) for i in range(epoch)]
    assert len(set(first)) == len(set(second)) == epoch
    assert first != second


def test_a_batch_holds_records_of_like_length(words):
    examples = LengthBuckets(pool_batches=10).training_records(
        words, context_length=64, batch_size=16, seed=1
    )
    lengths = np.array([len(examples[i].tokens) for i in range(160)]).reshape(10, 16)
    assert np.ptp(lengths, axis=1).mean() < np.ptp(lengths) / 4


def test_batches_do_not_come_in_the_order_of_their_lengths(words):
    examples = LengthBuckets().training_records(words, context_length=64, batch_size=16, seed=1)
    means = np.array([len(examples[i].tokens) for i in range(320)]).reshape(20, 16).mean(1)
    assert not (np.diff(means) >= 0).all()


def test_the_order_is_a_function_of_the_seed(words):
    def first(seed):
        return numbers(
            LengthBuckets().training_records(words, context_length=64, batch_size=8, seed=seed), 40
        )

    assert first(3) == first(3) != first(4)


def test_an_examples_mean_length_is_that_of_the_records(words):
    examples = LengthBuckets().training_records(words, context_length=64, batch_size=8, seed=0)
    assert examples.tokens_per_example == pytest.approx(np.mean([len(word) for word in words.words]))


def test_fewer_records_than_a_batch_are_repeated():
    words = Words("a bb ccc")
    examples = LengthBuckets().training_records(words, context_length=8, batch_size=8, seed=0)
    assert set(numbers(examples, 8)) == {0, 1, 2}


def test_evaluation_reads_each_record_once_by_length(words):
    examples = LengthBuckets().evaluation_records(words)
    lengths = [len(examples[i].tokens) for i in range(len(examples))]
    assert sorted(numbers(examples, len(examples))) == list(range(len(words)))
    assert lengths == sorted(lengths)


def test_a_pool_of_no_batches_is_refused():
    with pytest.raises(ValueError, match="pool_batches=0 must be at least 1"):
        LengthBuckets(pool_batches=0)
