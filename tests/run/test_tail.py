"""The end of a long file, without its beginning."""

from gpt_exp.run import lines
from gpt_exp.run.tail import Tail, end


def test_the_end_of_a_text(tmp_path):
    assert end(tmp_path / "none", 10) == ""
    (tmp_path / "short").write_text("short")
    assert end(tmp_path / "short", 10) == "short"
    (tmp_path / "long").write_bytes(b"x" * 1000 + "é the end".encode())
    assert end(tmp_path / "long", 9) == "� the end"


def test_lines_that_are_no_records_are_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("[1]\n")
    lines.append(path, {"step": 1})
    assert Tail(path).new() == [{"step": 1}]
