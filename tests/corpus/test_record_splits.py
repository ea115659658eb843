"""Examples of records: plain for evaluation, augmented for training, the same wherever they are made."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from gpt_exp.augmentation.random_swap import RandomSwap
from gpt_exp.corpus import progress
from gpt_exp.corpus.record_splits import Encoded, RecordSplits
from gpt_exp.interfaces import Example
from gpt_exp.sampling.length_buckets import LengthBuckets
from gpt_exp.sampling.packed_records import PackedRecords

TEXT = (Path(__file__).parents[1] / "assets" / "public_domain.txt").read_text()
RECORDS = [
    {"text": line, "label": str(i)} for i, line in enumerate(TEXT.splitlines()) if len(line.split()) > 4
]


def encode(record):
    return Example(np.frombuffer(f"{record['text']}={record['label']}".encode(), np.uint8).astype(np.int64))


def text(example):
    return bytes(example.tokens.tolist()).decode()


def splits(sampling, seed=1):
    return RecordSplits(
        {"train": RECORDS[10:], "val": RECORDS[:10]},
        encode,
        sampling,
        context_length=1024,
        batch_size=4,
        seed=seed,
        augmentations=[RandomSwap(fields=["text"], share=1.0)],
    )


def test_training_alone_is_augmented_and_no_label_changes():
    examples = splits(LengthBuckets())
    held_out = {text(examples.evaluation("val")[i]) for i in range(10)}
    assert held_out == {text(encode(record)) for record in RECORDS[:10]}
    plain = {record["label"]: text(encode(record)) for record in RECORDS}
    for example in (text(examples.training()[i]) for i in range(20)):
        _, _, label = example.rpartition("=")
        assert example != plain[label] and sorted(example) == sorted(plain[label])


@pytest.mark.parametrize("sampling", [LengthBuckets(), PackedRecords()])
def test_what_is_drawn_is_a_function_of_seed_and_number(sampling):
    """So a resumed run, other workers and other devices read the same."""
    first = splits(sampling).training()
    read = [first[i].tokens.tolist() for i in range(150)]
    copy = pickle.loads(pickle.dumps(splits(sampling).training()))
    assert [copy[i].tokens.tolist() for i in reversed(range(150))] == read[::-1]
    assert [splits(sampling, seed=2).training()[i].tokens.tolist() for i in range(150)] != read


def test_another_epoch_draws_anew():
    training = Encoded(RECORDS, encode, seed=1, augmentations=[RandomSwap(fields=["text"], share=1.0)])
    drawn = {text(training.example(3, epoch=epoch)) for epoch in range(8)}
    assert len(drawn) > 4 and len({sum(map(ord, each)) for each in drawn}) == 1
    assert text(training.example(3, epoch=None)) == text(encode(RECORDS[3]))


def test_encoding_tells_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    assert len(Encoded(RECORDS, encode, show_progress=True).lengths) == len(RECORDS)
    assert "encoding: " in (told := capsys.readouterr().err) and "records/s" in told
    assert len(Encoded(RECORDS, encode).lengths) == len(RECORDS)
    assert not capsys.readouterr().err
