"""Parquet and datasets give the same records as JSON lines from the same rows."""

import json

import pytest

from gpt_exp.data.hugging_face_records import HuggingFaceRecords
from gpt_exp.data.json_records import JsonRecords
from gpt_exp.data.parquet_records import ParquetRecords

ROWS = [  # Of GSM8K's test part, shortened.
    {"question": "Janet’s ducks lay 16 eggs per day.", "answer": "16 - 3 - 4 = 9\n#### 18", "level": 1},
    {"question": "A robe takes 2 bolts of blue fiber.", "answer": "2 + 1 = 3\n#### 3", "level": 0},
]
OPTIONS = {
    "fields": {"source": "question", "target": "answer"},
    "values": {"level": {"0": "easy", "1": "hard"}},
}


def lines(folder):
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    return str(folder / "rows.jsonl")


def parquet(folder, **options):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.Table.from_pylist(ROWS), folder / "rows.parquet")
    return ParquetRecords(train=str(folder), **options)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


@pytest.mark.filterwarnings("ignore")  # Other libraries' own.
def test_all_give_the_same_records(tmp_path, cache):
    file = lines(tmp_path)
    expected = JsonRecords(train=file, **OPTIONS)
    assert expected.read()["train"][0] == {
        "source": ROWS[0]["question"],
        "target": ROWS[0]["answer"],
        "level": "hard",
    }
    others = [
        parquet(tmp_path, **OPTIONS),
        HuggingFaceRecords(path="json", data_files={"train": file}, **OPTIONS),
    ]
    for other in others:
        assert other.read() == expected.read() and other.fingerprint() == expected.fingerprint()


@pytest.mark.filterwarnings("ignore")
def test_splits_are_all_there_are_or_those_named(tmp_path, cache):
    files = {"train": lines(tmp_path), "validation": lines(tmp_path)}
    everything = HuggingFaceRecords(path="json", data_files=files)
    assert {part: len(records) for part, records in everything.read().items()} == {"train": 2, "val": 2}
    named = HuggingFaceRecords(path="json", data_files=files, splits={"train": "train[:1]"})
    assert named.read() == {"train": ROWS[:1]}


@pytest.mark.filterwarnings("ignore")
def test_classes_come_by_their_names(tmp_path, cache):
    label = cache.ClassLabel(names=["easy", "hard"])
    features = cache.Features({"question": cache.Value("string"), "level": label})
    rows = [{"question": row["question"], "level": row["level"]} for row in ROWS]
    cache.Dataset.from_list([*rows, {"question": "?", "level": -1}], features=features).to_parquet(
        tmp_path / "rows.parquet"
    )
    found = HuggingFaceRecords(path="parquet", data_files=str(tmp_path / "rows.parquet")).read()["train"]
    assert [record["level"] for record in found] == ["hard", "easy", None]


@pytest.mark.filterwarnings("ignore")
def test_a_missing_column_is_told_with_those_there_are(tmp_path, cache):
    fields = {"source": "article"}
    hub = HuggingFaceRecords(path="json", data_files=lines(tmp_path), fields=fields)
    for source in (parquet(tmp_path, fields=fields), hub):
        with pytest.raises(ValueError, match=r"no column article; data\.fields can name: question, answer"):
            source.read()
