from typing import Any

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.labels import Labels
from gpt_exp.decoding.n_best import NBest
from gpt_exp.interfaces import Rules


def test_equal_prompts_get_the_best_of_one_search(real_model: Any) -> None:
    beam, rules = Beam(num_beams=3), Rules(5)
    first, other = beam.search(real_model, [[1, 2], [3]], rules, num_best=2)
    found = NBest(beam)(real_model, [[1, 2], [3], [1, 2]], rules)
    assert found == [first[0].tokens, other[0].tokens, first[1].tokens]
    assert found[0] != found[2]


def test_where_a_search_finds_fewer_the_others_get_nothing(real_model: Any) -> None:
    rules = Rules(5, stop_tokens=(0,), allowed=Labels([[3], [4, 5]], end=0))
    found = NBest(Beam(num_beams=3))(real_model, [[1]] * 3, rules)
    assert sorted(found) == [[], [3], [4, 5]]


def test_no_prompts_no_texts(real_model: Any) -> None:
    assert NBest(Beam(num_beams=2))(real_model, [], Rules(5)) == []
