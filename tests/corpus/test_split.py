from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_exp.corpus.split import PARTS, Split, part_of
from gpt_exp.interfaces import Piece


class Source:
    def __init__(self, pieces):
        self._pieces = [Piece(*piece) for piece in pieces]

    def fingerprint(self):
        return str(hash(tuple(self._pieces)))

    def pieces(self):
        return iter(self._pieces)


def documents(count):
    return Source([(f"text {i}\n", f"file-{i}.txt") for i in range(count)])


def divide(source, **options):
    found = {}
    for part, piece in Split(**options).plan(source).divide(source):
        found.setdefault(part, []).append(piece)
    return found


def text(pieces):
    return "".join(piece.text for piece in pieces)


def test_adding_documents_moves_none():
    few, many = (divide(documents(count), by="document", val_fraction=0.3) for count in (40, 4000))
    for part in few:
        assert set(few[part]) <= set(many[part])


def test_fractions_are_kept_and_one_does_not_move_the_other():
    found = divide(documents(5000), val_fraction=0.1, test_fraction=0.2)
    assert len(found["val"]) == pytest.approx(500, rel=0.2)
    assert len(found["test"]) == pytest.approx(1000, rel=0.2)
    larger = divide(documents(5000), val_fraction=0.3, test_fraction=0.2)
    assert larger["test"] == found["test"] and set(found["val"]) <= set(larger["val"])


def test_pinned_parts():
    parts = [part_of(f"file-{i}.txt", 0.2, 0.2) for i in range(12)]
    assert " ".join(parts) == "val train train test train test train test val val train test"


def test_equal_documents_stay_together():
    assert len({part_of(f"key\0{i}" if i else "key", 0.3, 0.3) for i in range(20)}) == 1


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    val=st.sampled_from([0, 0.1, 0.25]),
    test=st.sampled_from([0, 0.1, 0.5]),
)
def test_the_tail_is_cut_exactly_and_in_order(lengths, val, test):
    pieces = [("abcdefghij" * 3, f"{i // 2}") for i in range(len(lengths))]
    source = Source([(piece[:length], key) for (piece, key), length in zip(pieces, lengths, strict=True)])
    whole = text(source.pieces())
    train_end, val_end = int(len(whole) * (1 - (val + test))), int(len(whole) * (1 - test))
    is_empty = train_end == 0 or (val > 0 and val_end == train_end) or (test > 0 and val_end == len(whole))
    if is_empty:
        with pytest.raises(ValueError, match="is empty"):
            divide(source, by="tail", val_fraction=val, test_fraction=test)
        return
    found = divide(source, by="tail", val_fraction=val, test_fraction=test)
    assert "".join(text(found.get(part, [])) for part in PARTS) == whole
    assert text(found["train"]) == whole[: int(len(whole) * (1 - (val + test)))]
    assert ("val" in found, "test" in found) == (val > 0, test > 0)


def test_nanogpts_split_of_one_file():
    data = Path(__file__).read_text() * 3
    n = len(data)
    source = Source([(data[:1000], "x"), (data[1000:], "x")])
    found = divide(source, val_fraction=0.1, test_fraction=0)
    assert text(found["train"]) == data[: int(n * 0.9)] and text(found["val"]) == data[int(n * 0.9) :]


def test_auto_goes_by_document_from_20_on_where_every_part_gets_one():
    assert Split(val_fraction=0.2, test_fraction=0.2).plan(documents(60)).by == "document"
    assert Split().plan(documents(19)).by == "tail"
    assert Split(val_fraction=0.01, test_fraction=0.01).plan(documents(30)).by == "tail"


def test_an_empty_part_comes_with_advice():
    with pytest.raises(ValueError, match=r"'val' is empty: 25 documents, .* set split\.by=tail"):
        divide(documents(25), by="document", val_fraction=0.001, test_fraction=0)
    with pytest.raises(
        ValueError, match=r"'val' is empty: 1 documents, 7 characters; .* split\.val_fraction=0"
    ):
        divide(documents(1), test_fraction=0.3, val_fraction=0.01)
    with pytest.raises(ValueError, match=r"'train' is empty: 1 documents, 1 characters; give more text"):
        divide(Source([("x", "key")]))
    with pytest.raises(ValueError, match="no text"):
        divide(Source([]))


@pytest.mark.parametrize(
    "options",
    [
        {"val_fraction": 1.0},
        {"test_fraction": -0.1},
        {"val_fraction": 0.5, "test_fraction": 0.5},
        {"by": "x"},
    ],
)
def test_wrong_arguments_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Split(**options)
