from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from gpt_exp.corpus.record_split import divide, warn_of_repeated
from gpt_exp.corpus.split import Split

WORDS = (Path(__file__).parents[1] / "assets" / "public_domain.txt").read_text().split()
RECORDS = [
    {"source": f"{a} {b} {c}", "target": b} for a, b, c in zip(WORDS, WORDS[1:], WORDS[2:], strict=False)
]
SPLIT = Split(val_fraction=0.2, test_fraction=0.1)


def test_train_alone_gives_both_others_and_every_record_once_in_its_order():
    found = divide({"train": RECORDS}, SPLIT)
    assert list(found) == ["train", "val", "test"]
    assert sorted(map(str, chain(*found.values()))) == sorted(map(str, RECORDS))
    assert len(found["val"]) == pytest.approx(0.2 * len(RECORDS), rel=0.25)
    assert len(found["test"]) == pytest.approx(0.1 * len(RECORDS), rel=0.35)
    kept = [record for record in RECORDS if record in found["train"]]
    assert kept == found["train"]


def test_what_the_data_bring_along_stays_and_no_test_is_taken_beside_it():
    held = RECORDS[:5]
    with_val = divide({"train": RECORDS[5:], "val": held}, SPLIT)
    assert with_val == {"train": RECORDS[5:], "val": held}
    with_test = divide({"train": RECORDS[5:], "test_2016_flickr": held}, SPLIT)
    assert set(with_test) == {"train", "test_2016_flickr", "val"} and with_test["test_2016_flickr"] == held
    assert with_test["val"] == divide({"train": RECORDS[5:]}, SPLIT)["val"]


def test_neither_order_nor_other_records_nor_the_order_of_fields_move_a_record():
    few = divide({"train": RECORDS[::3]}, SPLIT)
    turned = [dict(reversed(record.items())) for record in reversed(RECORDS)]
    many = divide({"train": turned}, SPLIT)
    for part, records in few.items():
        assert all(record in many[part] for record in records)


def test_a_group_stays_together():
    grouped = [{**record, "group": record["source"][0]} for record in RECORDS]
    found = divide({"train": grouped}, SPLIT)
    groups = [{record["group"] for record in records} for records in found.values()]
    assert sum(map(len, groups)) == len({record["group"] for record in grouped})
    assert all(groups)


def test_pictures_are_told_apart_by_their_pixels():
    random = np.random.default_rng(0)
    pictures = [{"image": random.integers(0, 256, (4, 4, 3), dtype=np.uint8)} for _ in range(200)]
    found = divide({"train": [*pictures, *pictures]}, SPLIT)
    pixels = [{record["image"].tobytes() for record in records} for records in found.values()]
    assert sum(map(len, pixels)) == 200 and all(pixels)


def test_fractions_of_zero_take_nothing():
    assert divide({"train": RECORDS}, Split(val_fraction=0, test_fraction=0)) == {"train": RECORDS}


def test_data_to_evaluate_on_stay_as_they_are():
    assert divide({"test": RECORDS}, SPLIT) == {"test": RECORDS}


def test_records_that_are_learnt_and_held_out_are_told(caplog):
    grouped = [{**record, "group": "another"} for record in RECORDS[10:12]]
    warn_of_repeated({"train": RECORDS[:20], "val": [*grouped, RECORDS[30]], "test": RECORDS[20:30]})
    assert [record.message for record in caplog.records] == ["2 of the 3 records in 'val' are in 'train' too"]


def test_an_empty_part_comes_with_advice():
    with pytest.raises(ValueError, match=r"'val' is empty: 1 records in 1 groups .* split\.val_fraction"):
        divide({"train": RECORDS[:1]}, Split(val_fraction=0.001))
    same = [{**record, "group": "one"} for record in RECORDS]
    with pytest.raises(ValueError, match=rf"{len(RECORDS)} records in 1 groups"):
        divide({"train": same}, SPLIT)
    with pytest.raises(ValueError, match="own part 'val' holds no records"):
        divide({"train": RECORDS, "val": []}, SPLIT)


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match=r"holds object, which is no JSON: .* data\.fields\.COLUMN=null"):
        divide({"train": [{"text": object()}]}, SPLIT)
