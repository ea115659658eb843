import csv
import gzip

import pytest

from gpt_exp.data.delimited import Delimited

# Of the Stanford Sentiment Treebank.
REVIEWS = [("one long string of cliches", "0"), ("\"it 's a pleasure to watch", "1")]


@pytest.fixture
def tsv(tmp_path):
    (tmp_path / "train.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in REVIEWS))
    return tmp_path / "train.tsv"


def headless(path, **options):
    return Delimited(
        train=str(path), columns=["text", "label"], delimiter="\t", quotes=False, **options
    ).read()["train"]


def table(path, rows, **options):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return Delimited(train=str(path), **options)


def test_names_for_a_file_without_a_header_and_names_for_labels(tsv):
    found = headless(tsv, values={"label": {"0": "negative", 1: "positive"}})
    assert found == [
        {"text": REVIEWS[0][0], "label": "negative"},
        {"text": REVIEWS[1][0], "label": "positive"},  # Its quotation mark is text.
    ]


def test_a_label_without_a_name_is_refused_with_its_line(tsv):
    with pytest.raises(ValueError, match=r"train\.tsv:2: label '1' is not in data\.values\.label: 0"):
        headless(tsv, values={"label": {"0": "negative"}})


def test_what_a_csv_writer_wrote_is_read_back(tmp_path):
    cells = ['said "no", and left', "two\nlines", "x" * 200_000]
    source = table(tmp_path / "t.csv", [["a", "b", "c"], cells])
    assert list(source.read()["train"][0].values()) == cells


def test_escapes_are_undone_once_and_a_lone_carriage_return_ends_no_row(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"one\\ntwo\\tthree\tre: \\\\n\r\r.\n")
    options = {"columns": ["source", "target"], "delimiter": "\t", "quotes": False}
    (record,) = Delimited(train=str(tmp_path / "t.tsv"), escapes=True, **options).read()["train"]
    assert record == {"source": "one\ntwo\tthree", "target": "re: \\n\r\r."}


def test_fields_rename_gather_copy_and_leave_out(tmp_path):
    header, row = ["article", "first", "second", "id", "label"], ["Text.", "A", "B", "7", "x"]
    fields = {"source": "article", "target": ["first", "second"], "group": "article", "id": None}
    (record,) = table(tmp_path / "t.csv", [header, row], fields=fields).read()["train"]
    assert record == {"source": "Text.", "target": ["A", "B"], "group": "Text.", "label": "x"}


def test_a_missing_column_is_told_with_those_there_are(tmp_path):
    source = table(tmp_path / "t.csv", [["text", "label"], ["a", "b"]], fields={"source": "article"})
    with pytest.raises(ValueError, match=r"t\.csv:2: no column article; data\.fields can name: text, label"):
        source.read()


@pytest.mark.parametrize(
    "rows, message",
    [
        ([["a", "b"], ["1", "2"], ["3"]], r"t\.csv:3: 1 cells instead of 2: a, b"),
        ([["a", "a"], ["1", "2"]], r"t\.csv:1: the header names a twice; set data\.columns"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        table(tmp_path / "t.csv", rows).read()


def test_a_mark_that_is_never_closed_takes_no_rows_along(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"two\nlines"\n2,"x\n3,y\n4,z\n')
    with pytest.raises(ValueError, match=r"t\.csv:4: unexpected end of data; data\.quotes=false"):
        Delimited(train=str(tmp_path / "t.csv")).read()


def test_an_encoding_is_one_that_there_is_and_that_of_the_file(tsv):
    with pytest.raises(ValueError, match=r"data\.encoding=utf9: no such encoding"):
        headless(tsv, encoding="utf9")
    tsv.write_bytes(b"K\xe4se\t1\n")
    with pytest.raises(ValueError, match=r"train\.tsv is not utf-8-sig text: .*; set data\.encoding"):
        headless(tsv)
    assert headless(tsv, encoding="latin-1") == [{"text": "Käse", "label": "1"}]


def test_a_byte_order_mark_and_gzip_change_nothing(tmp_path):
    plain = table(tmp_path / "t.csv", [["text"], ["Käse"]])
    (tmp_path / "marked.csv.gz").write_bytes(
        gzip.compress(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes())
    )
    assert Delimited(train=str(tmp_path / "marked.csv.gz")).fingerprint() == plain.fingerprint()


def test_only_named_splits_are_there_and_mistakes_name_their_key(tsv):
    source = Delimited(train=[str(tsv)], val=str(tsv), delimiter="\t", columns=["a", "b"], quotes=False)
    assert list(source.read()) == ["train", "val"]
    with pytest.raises(
        ValueError, match=r"data\.val: .*trian\.tsv does not exist; did you mean .*train\.tsv"
    ):
        Delimited(train=str(tsv), val=str(tsv.with_name("trian.tsv")))
    with pytest.raises(ValueError, match=r"data\.delimiter='ab' must be one character"):
        Delimited(train=str(tsv), delimiter="ab")
