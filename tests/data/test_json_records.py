import gzip
import json

import pytest

from gpt_exp.data.json_records import JsonRecords

# Of DialogSum: one summary where it trains, three where it validates.
TRAIN = {"dialogue": "#Person1#: Hi.\n#Person2#: Hello.", "summary": "They greet.", "topic": "greeting"}
VAL = {
    "dialogue": "#Person1#: Bye.",
    "summary1": "One leaves.",
    "summary2": "Bye.",
    "summary3": "A farewell.",
}
FIELDS = {"source": "dialogue", "target": ["summary", "summary1", "summary2", "summary3"], "topic": None}


def write(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def test_a_field_may_have_one_column_here_and_several_there(tmp_path):
    files = {"train": write(tmp_path / "a.jsonl", [TRAIN]), "val": write(tmp_path / "b.jsonl", [VAL])}
    parts = JsonRecords(**files, fields=FIELDS).read()
    assert parts == {
        "train": [{"source": TRAIN["dialogue"], "target": "They greet."}],
        "val": [{"source": VAL["dialogue"], "target": ["One leaves.", "Bye.", "A farewell."]}],
    }


def test_lines_lists_and_gzip_hold_the_same_records(tmp_path):
    rows = [TRAIN, {**TRAIN, "topic": "other"}]
    lines = write(tmp_path / "a.jsonl", rows)
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    write(tmp_path / "lines.json", rows)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    names = (lines, tmp_path / "a.json", tmp_path / "lines.json", tmp_path / "b.jsonl.gz")
    sources = [JsonRecords(train=str(name)) for name in names]
    assert sources[0].read() == {"train": rows}
    assert len({source.fingerprint() for source in sources}) == 1


def test_the_fingerprint_follows_content_order_and_split_but_not_the_order_of_keys(tmp_path):
    swapped = dict(reversed(TRAIN.items()))
    one = JsonRecords(train=write(tmp_path / "a.jsonl", [TRAIN, VAL])).fingerprint()
    same = JsonRecords(train=write(tmp_path / "b.jsonl", [swapped, VAL])).fingerprint()
    turned = JsonRecords(train=write(tmp_path / "c.jsonl", [VAL, TRAIN])).fingerprint()
    moved = JsonRecords(test=str(tmp_path / "a.jsonl")).fingerprint()
    assert one == same and len({one, turned, moved}) == 3


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"a": 1}\n{broken', r"x\.jsonl:2: no JSON"),
        ("[" * 100_000, r"x\.jsonl:1: no JSON"),
        ("[1]", r"x\.jsonl:1: a JSON object is needed, not list"),
        ('{"text": "a", "n": 1}', r"x\.jsonl:1: no column article; data\.fields can name: text, n"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path, text, message):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        JsonRecords(train=str(tmp_path), fields={"source": "article"} if "text" in text else {}).read()


def test_a_byte_order_mark_changes_nothing(tmp_path):
    plain = write(tmp_path / "a.jsonl", [TRAIN])
    for name in ("b.jsonl", "b.json"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.jsonl").read_bytes())
        assert JsonRecords(train=str(tmp_path / name)).read() == JsonRecords(train=plain).read()


def test_a_damaged_archive_is_named(tmp_path):
    whole = gzip.compress("".join(json.dumps({**TRAIN, "number": i}) + "\n" for i in range(500)).encode())
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content in (whole[:middle], flipped, b"no archive"):
        (tmp_path / "x.jsonl.gz").write_bytes(content)
        with pytest.raises(
            ValueError, match=r"x\.jsonl\.gz(:\d+: no JSON| is damaged| is not utf-8-sig text)"
        ):
            JsonRecords(train=str(tmp_path)).read()
