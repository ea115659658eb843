import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.corpus.shards import ShardWriter, Tokens, smallest_dtype

STREAM = list(range(65_530, 65_536)) + list(range(31))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    writer = ShardWriter(folder, "train", dtype="<u2", shard_tokens=10)
    for start in range(0, len(STREAM), 7):
        writer.append(STREAM[start : start + 7])
    assert writer.num_tokens == len(STREAM)
    files = sorted(folder.iterdir())
    assert [file.stat().st_size for file in files] == [20, 20, 20, 14]
    return Tokens(files, "<u2")


bounds = st.none() | st.integers(-50, 50)


@settings(deadline=None)
@given(start=bounds, stop=bounds)
def test_windows_read_as_of_one_array(tokens, start, stop):
    window = tokens[start:stop]
    assert window.tolist() == STREAM[start:stop] and window.dtype == np.int64


def test_a_pickled_copy_reads_the_same_and_carries_no_data(tokens):
    tokens[:]
    assert len(pickle.dumps(tokens)) < 2000
    assert pickle.loads(pickle.dumps(tokens))[:].tolist() == STREAM


def test_a_window_is_a_copy(tokens):
    tokens[:5][0] = 7
    assert tokens[0:1].tolist() == STREAM[:1]


def test_tokens_take_the_fewest_bytes(tmp_path):
    assert [smallest_dtype(size) for size in (257, 65_536, 65_537)] == ["<u2", "<u2", "<u4"]
    with pytest.raises(OverflowError):
        ShardWriter(tmp_path, "x", dtype="<u2").append([65_536])


def test_steps_are_refused(tokens):
    with pytest.raises(ValueError, match="step"):
        tokens[::2]
