"""Growing sequences: the cache changes nothing, what is read is read once, the end is the end."""

from typing import Any

import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.context import tells_documents_apart
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import Rules

PROMPTS = [[1, 2, 3], [4, 5, 6]]
UNEQUAL = [[1, 2, 3, 4, 5], [6], [7, 8, 9]]


def greedy(model: Any, prompts: Any = PROMPTS, num: int = 8, **rules: Any) -> list[list[int]]:
    return Greedy()(model, prompts, Rules(num, **rules))


@pytest.mark.parametrize("num", [1, 8, 40])  # 40: far beyond the context.
@pytest.mark.parametrize("prompts", [PROMPTS, UNEQUAL])
def test_with_and_without_cache_are_equal(real_model: Any, prompts: Any, num: int) -> None:
    assert greedy(real_model, prompts, num) == Greedy(use_cache=False)(real_model, prompts, Rules(num))
    drawn = [
        Sampling(use_cache=c)(real_model, prompts, Rules(num), seeds=range(len(prompts)))
        for c in (False, True)
    ]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("num", [8, 40])
def test_a_batch_of_unequal_prompts_is_as_one_at_a_time(real_model: Any, num: int) -> None:
    prompts = [*UNEQUAL, list(range(20))]  # The last is longer than the context.
    alone = [greedy(real_model, [prompt], num)[0] for prompt in prompts]
    assert greedy(real_model, prompts, num) == alone


@pytest.mark.parametrize("num", [5, 40])
def test_a_model_that_ignores_documents_reads_unequal_prompts_apart(model: Any, num: int) -> None:
    alone = [greedy(model, [prompt], num)[0] for prompt in UNEQUAL]
    assert greedy(model, UNEQUAL, num) == alone
    found = Beam(num_beams=3).search(model, UNEQUAL, Rules(num), num_best=2)
    apart = [Beam(num_beams=3).search(model, [p], Rules(num), num_best=2)[0] for p in UNEQUAL]
    for several, one in zip(found, apart, strict=True):
        assert [each.tokens for each in several] == [each.tokens for each in one]
        assert [each.score for each in several] == pytest.approx([each.score for each in one], abs=1e-5)


def test_it_is_known_which_models_tell_documents_apart(real_model: Any, model: Any) -> None:
    assert tells_documents_apart(real_model.eval())
    assert tells_documents_apart(real_model.to(torch.bfloat16))
    assert not tells_documents_apart(model.eval())


def test_the_cache_reads_every_token_once(model: Any) -> None:
    greedy(model, num=8)
    assert model.num_read == len(PROMPTS) * (3 + 7)


def test_a_sequence_that_has_ended_is_read_no_more(counted: Any) -> None:
    free = greedy(counted, UNEQUAL, 8)
    end = next(token for token in free[0] if token not in free[1])
    counted.num_read = 0
    ended = greedy(counted, UNEQUAL, 8, stop_tokens=(end,))
    growing = [len(row) + (len(row) < 8) for row in ended]  # A stop token is chosen, too, and not read.
    assert counted.num_read == len(UNEQUAL) * 5 + sum(growing) - len(UNEQUAL)


def test_a_cache_that_cannot_select_rows_is_read_again(model: Any) -> None:
    free = greedy(model, num=9)
    end = next(token for token in free[0] if token not in free[1])
    assert not hasattr(model.new_cache(1, 1), "select")
    assert greedy(model, num=9, stop_tokens=(end,)) == [free[0][: free[0].index(end)], free[1]]


def test_beyond_the_context_only_its_last_half_counts(model: Any) -> None:
    read = PROMPTS[0] + greedy(model, PROMPTS[:1], 10)[0]  # One too many.
    continued = greedy(model, PROMPTS[:1], 16)[0][10:]
    assert continued == greedy(model, [read[-6:]], 6)[0]


def test_of_a_long_prompt_the_last_context_counts(model: Any) -> None:
    prompt = [i % 11 for i in range(30)]
    assert greedy(model, [prompt]) == greedy(model, [prompt[-12:]])


def test_a_sequence_ends_with_its_stop_token_which_is_no_part_of_it(model: Any) -> None:
    free = greedy(model, num=30)
    for end in {token for row in free for token in row}:
        expected = [row[: row.index(end)] if end in row else row for row in free]
        assert greedy(model, num=30, stop_tokens=(end, 1_000)) == expected


def test_a_sequence_ends_where_stop_says_so(model: Any) -> None:
    free = greedy(model, num=10)
    assert greedy(model, num=10, stop=lambda new: len(new) == 4) == [row[:4] for row in free]


def test_only_allowed_tokens_come_and_none_means_the_end(model: Any) -> None:
    new = greedy(model, num=10, allowed=lambda new: {2, 5} if len(new) < 3 else ())
    assert [len(row) for row in new] == [3, 3]
    assert {token for row in new for token in row} <= {2, 5}


def test_nothing_comes_of_nothing(model: Any) -> None:
    assert greedy(model, []) == []
    assert greedy(model, num=0) == [[], []]
    with pytest.raises(ValueError, match="one token at least"):
        greedy(model, [[1], []])


def test_a_batch_may_stay_wide_when_its_longest_row_has_left(real_model: Any) -> None:
    """The cache is then full before the row that remains is."""
    long = list(range(15))
    end = greedy(real_model, [long], 1)[0][0]
    free = greedy(real_model, [[6]], 12)[0]
    expected = free[: free.index(end)] if end in free else free
    assert greedy(real_model, [long, [6]], 12, stop_tokens=(end,)) == [[], expected]
