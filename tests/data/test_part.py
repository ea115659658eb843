"""A part of the training records, and several sources as one."""

import json

import pytest

from gpt_exp.data.json_records import JsonRecords
from gpt_exp.data.part import Part
from gpt_exp.data.together import Together


@pytest.fixture
def records(tmp_path):
    def make(name: str, count: int, **splits: int) -> JsonRecords:
        files = {}
        for split, size in {"train": count, **splits}.items():
            files[split] = str(tmp_path / f"{name}.{split}.jsonl")
            lines = (json.dumps({"text": f"{name} {split} {i}"}) for i in range(size))
            (tmp_path / f"{name}.{split}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        return JsonRecords(**files)

    return make


def test_parts_that_do_not_overlap_share_nothing_and_make_the_whole(records):
    whole = records("a", 1000, val=5)
    few, rest = Part(records=whole, high=0.1), Part(records=whole, low=0.1)
    texts = [{record["text"] for record in part.read()["train"]} for part in (few, rest)]
    assert not texts[0] & texts[1]
    assert texts[0] | texts[1] == {record["text"] for record in whole.read()["train"]}
    assert 70 < len(texts[0]) < 130
    assert few.read()["val"] == whole.read()["val"]
    assert few.fingerprint() != rest.fingerprint()


def test_another_seed_draws_another_part(records):
    whole = records("a", 1000)
    first, second = (Part(records=whole, high=0.1, seed=seed).read()["train"] for seed in (1, 2))
    assert first != second and first == Part(records=whole, high=0.1, seed=1).read()["train"]


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (-0.1, 0.5), (0, 1.1)])
def test_a_part_that_is_none_is_refused(records, low, high):
    with pytest.raises(ValueError, match=r"^data\.low="):
        Part(records=records("a", 3), low=low, high=high)


def test_together_are_all_training_records_and_the_firsts_other_splits(records):
    sources = {"a": records("a", 2, val=1), "b": records("b", 1, val=3)}
    parts = Together(sources=sources).read()
    assert [record["text"] for record in parts["train"]] == ["a train 0", "a train 1", "b train 0"]
    assert [record["text"] for record in parts["val"]] == ["a val 0"]


def test_what_the_first_lacks_is_not_taken_from_the_others(records):
    sources = {"a": records("a", 20, test=1), "b": records("b", 20, val=3)}
    with pytest.raises(ValueError, match=r"^data\.sources\.a has no part val"):
        Together(sources=sources).read()
