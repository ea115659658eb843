"""Parts made from plain nodes, as Hydra makes them."""

from functools import partial

from gpt_exp.config.made import is_ours, made
from gpt_exp.mixture.constant import Constant

TEMPERATURE = {"_target_": "gpt_exp.mixture.constant.temperature", "_partial_": True, "tau": 2.0}
ANNEALED = {
    "_target_": "gpt_exp.mixture.annealed.Annealed",
    "_partial_": True,
    "max_steps": 10,
    "begin": TEMPERATURE,
    "end": {"_target_": "gpt_exp.mixture.constant.proportional", "_partial_": True},
}


def test_a_partial_is_one_and_so_are_the_nodes_in_it():
    mixture = made(ANNEALED)(sizes={"a": 900, "b": 100})
    assert mixture.shares(0).tolist() == [0.75, 0.25]
    assert mixture.shares(10).tolist() == [0.9, 0.1]


def test_other_nodes_are_made_at_any_depth(tmp_path):
    (tmp_path / "a.txt").write_text("Some text.")
    blend = {
        "_target_": "gpt_exp.data.blend.Blend",
        "sources": {"a": {"_target_": "gpt_exp.data.text.TextFiles", "paths": [str(tmp_path / "a.txt")]}},
    }
    assert type(made(blend).sources["a"]).__name__ == "TextFiles"
    assert made({"weights": {"a": 1}, "names": ["b"]}) == {"weights": {"a": 1}, "names": ["b"]}


def test_a_part_of_another_package_is_known_at_any_depth():
    assert is_ours(ANNEALED) and is_ours({"weights": {"a": 1}}) and is_ours(3)
    assert not is_ours({**ANNEALED, "end": {"_target_": "torch.nn.Linear"}})


def test_a_partial_keeps_what_it_is_given():
    found = made(TEMPERATURE)
    assert isinstance(found, partial) and isinstance(found(sizes={"a": 1}), Constant)
