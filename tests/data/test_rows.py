"""JSON lines, Parquet and datasets give the same documents from the same rows."""

import gzip
import json
import subprocess
import sys

import pytest

from gpt_exp.data import pieces
from gpt_exp.data.hugging_face import HuggingFaceDataset
from gpt_exp.data.json_lines import JsonLines
from gpt_exp.data.parquet import Parquet

LONG = "x" * (3 * pieces.PIECE_LENGTH)
ROWS = [
    {"id": i, "body": text}
    for i, text in enumerate(["one", "two\n", None, "", "two\n", "two\n", LONG, "é漢"])
]
EXPECTED = ["one", "two\n", "two\n", "two\n", LONG, "é漢"]


def json_lines(folder):
    with gzip.open(folder / "rows.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n\n".join(json.dumps(row) for row in ROWS))
    return JsonLines(paths=str(folder), field="body")


def parquet(folder, field="body"):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.Table.from_pylist(ROWS), folder / "rows.parquet", row_group_size=2)
    return Parquet(paths=str(folder), field=field)


def hugging_face(folder, monkeypatch, **options):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    options = {"field": "body", **options}
    return HuggingFaceDataset(path="json", data_files=[str(folder / "rows.jsonl")], **options)


def documents(source) -> dict[str, str]:
    found: dict[str, str] = {}
    for piece in source.pieces():
        found[piece.document] = found.get(piece.document, "") + piece.text
    return found


@pytest.mark.filterwarnings("ignore")  # Other libraries' own.
def test_all_give_the_same_documents_and_keys(tmp_path, monkeypatch):
    sources = [json_lines(tmp_path), parquet(tmp_path), hugging_face(tmp_path, monkeypatch)]
    sources.append(hugging_face(tmp_path, monkeypatch, streaming=True))
    found = [documents(source) for source in sources]
    assert all(one == found[0] for one in found)
    assert list(found[0].values()) == EXPECTED  # Equal rows in a row stay documents of their own ...
    keys = [key.partition("\0")[0] for key in found[0]]
    assert keys[1] == keys[2] == keys[3] and len(set(keys)) == 4  # ... of one split.


def test_a_rows_key_does_not_depend_on_its_place(tmp_path):
    first = documents(json_lines(tmp_path))
    (tmp_path / "rows.jsonl.gz").unlink()
    (tmp_path / "moved.jsonl").write_text(json.dumps({"body": "é漢"}))
    (moved,) = documents(JsonLines(paths=[str(tmp_path / "moved.jsonl")], field="body")).items()
    assert moved in first.items()


def test_fingerprints_follow_content_and_field(tmp_path, monkeypatch):
    assert json_lines(tmp_path).fingerprint() != JsonLines(paths=str(tmp_path)).fingerprint()
    assert parquet(tmp_path).fingerprint() == Parquet(paths=str(tmp_path), field="body").fingerprint()
    assert pieces.fingerprint([("ab", "c")]) != pieces.fingerprint([("a", "bc")])


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"body": 3}', r"rows\.jsonl:2: field 'body' holds int"),
        ('{"text": "x", "n": 1}', r"rows\.jsonl:2: no field 'body'; data\.field can be one of: text, n"),
        ("{broken", r"rows\.jsonl:2: no JSON"),
        ("[1]", r"rows\.jsonl:2: a JSON object is needed, not list"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path, line, message):
    (tmp_path / "rows.jsonl").write_text('{"body": "good"}\n' + line + "\n")
    with pytest.raises(ValueError, match=message):
        documents(JsonLines(paths=str(tmp_path), field="body"))


def test_half_a_surrogate_pair_does_not_get_through(tmp_path):
    (tmp_path / "rows.jsonl").write_text(r'{"text": "a\ud800b"}')
    assert list(documents(JsonLines(paths=str(tmp_path))).values()) == ["a?b"]


@pytest.mark.filterwarnings("ignore")
def test_a_missing_column_lists_those_there_are(tmp_path, monkeypatch):
    for source in (parquet(tmp_path, "text"), hugging_face(tmp_path, monkeypatch, field="text")):
        with pytest.raises(ValueError, match=r"no field 'text'; data\.field can be one of: id, body"):
            documents(source)
    with pytest.raises(ValueError, match="field 'id' holds int64, not text"):
        documents(Parquet(paths=str(tmp_path), field="id"))


def test_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(ValueError, match="is no Parquet file"):
        documents(Parquet(paths=str(tmp_path)))
    with pytest.raises(ValueError, match=r"holds no \.jsonl or \.jsonl\.gz files"):
        JsonLines(paths=str(tmp_path))


def test_a_missing_package_is_one_line_and_imports_are_late(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    code = f"""if True:
        import sys
        from gpt_exp.data import hugging_face, json_lines, parquet, standard_library, text
        from gpt_exp.corpus import prepare
        from gpt_exp.sampling import packed, windows
        from gpt_exp.tokenizer import bpe, byte, character, file, tiktoken
        heavy = {{"torch", "pyarrow", "datasets", "tiktoken", "transformers"}} & set(sys.modules)
        assert not heavy, heavy
        sys.modules["pyarrow"] = sys.modules["datasets"] = None
        for source in (parquet.Parquet(paths={str(tmp_path)!r}), hugging_face.HuggingFaceDataset(path="x")):
            try:
                list(source.pieces())
            except ValueError as error:
                print(error)
    """
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "pip install 'gpt-exp[parquet]'" in output and "pip install 'gpt-exp[datasets]'" in output
