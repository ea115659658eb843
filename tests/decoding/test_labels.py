"""Labels: nothing else is written, and the best one written is the best one scored."""

from typing import Any

import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.labels import Labels, score_labels
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import Rules

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
LABELS = [[3], [3, 4], [5, 6, 7], [8]]
END = 9


def test_a_trie_tells_what_may_follow() -> None:
    labels = Labels([[1, 2], [1, 3], [4]])
    assert set(labels([])) == {1, 4}
    assert set(labels([1])) == {2, 3}
    assert not labels([1, 2])
    assert not labels([7, 1])


def test_an_end_follows_whole_labels() -> None:
    labels = Labels([[1], [1, 3]], end=0)
    assert set(labels([1])) == {0, 3}
    assert set(labels([1, 3])) == {0}
    assert not labels([1, 0])


@pytest.mark.parametrize("labels", [[[1], [1, 2]], [[1, 2], [1]], [], [[1], []]])
def test_labels_that_leave_a_doubt_are_refused(labels: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="label"):
        Labels(labels)


@pytest.mark.parametrize("decoding", [Greedy(), Sampling(temperature=2.0), Beam(num_beams=2)])
def test_nothing_else_is_written(real_model: Any, decoding: Any) -> None:
    rules = Rules(10, stop_tokens=(END,), allowed=Labels(LABELS, end=END))
    written = decoding(real_model, PROMPTS * 5, rules)
    assert all(new in LABELS for new in written)


def test_without_an_end_a_sequence_ends_with_its_label(real_model: Any) -> None:
    labels = LABELS[1:]
    assert all(new in labels for new in Greedy()(real_model, PROMPTS, Rules(10, allowed=Labels(labels))))


@pytest.mark.parametrize("end", [None, END])
def test_scores_are_sums_of_log_probabilities(real_model: Any, end: int | None) -> None:
    scores = score_labels(real_model, PROMPTS, LABELS, end=end)
    assert scores.shape == (3, 4)
    for row, prompt in zip(scores.tolist(), PROMPTS, strict=True):
        for score, label in zip(row, LABELS, strict=True):
            new = label if end is None else [*label, end]
            with torch.no_grad():
                logits = real_model.logits(real_model.eval()(torch.tensor([prompt + new])))[0]
            places = range(len(prompt) - 1, len(prompt + new) - 1)
            expected = sum(float(logits[i].log_softmax(-1)[t]) for i, t in zip(places, new, strict=True))
            assert score == pytest.approx(expected, rel=1e-4)


def test_the_best_written_is_the_best_scored(real_model: Any) -> None:
    rules = Rules(10, stop_tokens=(END,), allowed=Labels(LABELS, end=END))
    found = Beam(num_beams=4, length_penalty=0.0).search(real_model, PROMPTS, rules, num_best=4)
    scores, order = score_labels(real_model, PROMPTS, LABELS, end=END).sort(descending=True)
    assert [[h.tokens for h in row] for row in found] == [[LABELS[i] for i in row] for row in order.tolist()]
    torch.testing.assert_close(
        torch.tensor([[h.score for h in row] for row in found]), scores, rtol=1e-4, atol=1e-4
    )


def test_a_prompt_is_read_once_for_all_labels(counted: Any) -> None:
    score_labels(counted, PROMPTS, [[1], [2], [3]])
    assert counted.num_read == 3 * 5
    counted.num_read = 0
    score_labels(counted, PROMPTS, LABELS)
    assert counted.num_read == 3 * 5 + 3 * 4 * 2


def test_no_prompts_no_scores(real_model: Any) -> None:
    assert score_labels(real_model, [], LABELS).shape == (0, 4)
