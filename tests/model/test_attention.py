import torch

from gpt_exp.model.attention import KeyValueCache, attention_mask, positions
from gpt_exp.model.shape import gpt2

SHAPE = gpt2(vocab_size=5, context_length=8, num_layers=1, num_heads=2, embedding_dim=8)
TOKENS = torch.zeros(2, 4, dtype=torch.long)
DOCUMENTS = torch.tensor([[0, 0, 1, 1], [7, 8, 8, 8]])


def cache_of(length):
    cache = KeyValueCache(SHAPE, batch_size=2, max_length=8)
    cache.advance(length)
    return cache


def test_positions_begin_anew_in_every_document_and_go_on_after_a_cache():
    assert positions(TOKENS, None, None).tolist() == [[0, 1, 2, 3]]
    assert positions(TOKENS, None, cache_of(3)).tolist() == [[3, 4, 5, 6]]
    assert positions(TOKENS, DOCUMENTS, None).tolist() == [[0, 1, 0, 1], [0, 0, 1, 2]]


def test_plain_causal_attention_needs_no_mask():
    assert attention_mask(TOKENS, None, None) is None
    assert attention_mask(TOKENS, None, cache_of(0)) is None
    assert attention_mask(TOKENS[:, :1], None, cache_of(3)) is None


def test_masks_show_the_past_of_the_same_document():
    later = attention_mask(TOKENS[:, :2], None, cache_of(1))
    assert later.int().tolist() == [[[[1, 1, 0], [1, 1, 1]]]]
    packed = attention_mask(TOKENS, DOCUMENTS, None)
    assert packed[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    assert packed[1, 0].int().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]]


def test_cache_memory_is_given_once():
    cache = cache_of(0)
    addresses = set()
    for step in range(4):
        keys, values = cache.append(0, torch.full((2, 2, 1, 4), float(step)), torch.ones(2, 2, 1, 4))
        cache.advance(1)
        addresses.add((keys.data_ptr(), values.data_ptr()))
    assert len(addresses) == 1
    assert keys[0, 0, :, 0].tolist() == [0, 1, 2, 3]
