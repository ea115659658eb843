from pathlib import Path

import pytest

from gpt_exp.corpus.record_split import divide
from gpt_exp.corpus.record_texts import RecordTexts
from gpt_exp.corpus.split import Split

TEXT = (Path(__file__).parents[1] / "assets" / "public_domain.txt").read_text()
LINES = [line for line in TEXT.splitlines() if line.strip()]


class Records:
    def __init__(self, parts):
        self._parts = parts

    def fingerprint(self):
        return str(self._parts)

    def read(self):
        return self._parts


def texts(parts, **options):
    return [piece.text for piece in RecordTexts(records=Records(parts), **options).pieces()]


def pairs(lines):
    return [{"source": line, "target": line.upper(), "group": "hidden"} for line in lines]


def test_a_document_is_a_training_records_strings_but_its_group():
    parts = {"train": pairs(LINES[:2]), "val": pairs(LINES[2:4])}
    assert texts(parts) == [f"{line}\n{line.upper()}" for line in LINES[:2]]
    assert texts(parts, fields=["target"]) == [line.upper() for line in LINES[:2]]


def test_messages_and_lists_give_their_texts_without_the_roles():
    messages = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]
    record = {"messages": messages, "answers": ["one", "two"], "answer_start": 3}
    assert texts({"train": [record]}) == ["Where?\nThere.\none\ntwo"]


def test_a_split_keeps_held_out_records_out():
    split = Split(val_fraction=0.3, test_fraction=0.2)
    records = [{"text": line} for line in LINES]
    kept = texts({"train": records}, split=split)
    assert kept == [record["text"] for record in divide({"train": records}, split)["train"]]
    assert 0 < len(kept) < len(records)


def test_keys_follow_the_text_and_fingerprints_what_is_read():
    first, moved = (
        RecordTexts(records=Records({"train": pairs(lines)})) for lines in (LINES[:3], LINES[2::-1])
    )
    assert {piece.document for piece in first.pieces()} == {piece.document for piece in moved.pieces()}
    assert first.fingerprint() != moved.fingerprint()
    assert RecordTexts(records=Records({"train": pairs(LINES[:3])})).fingerprint() == first.fingerprint()


def test_where_there_is_no_text_it_says_so():
    with pytest.raises(ValueError, match="no training record holds text in sauce"):
        texts({"train": pairs(LINES)}, fields=["sauce"])
    with pytest.raises(ValueError, match="no part 'train'; there are: test"):
        texts({"test": pairs(LINES)})
