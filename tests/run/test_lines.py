"""Lines survive a torn end, and are cut back to the byte."""

import math

from gpt_exp.run import lines


def test_what_was_appended_is_read_exactly(tmp_path):
    path = tmp_path / "metrics.jsonl"
    records = [
        {"step": 1, "x": 0.1 + 0.2},
        {"step": 2, "text": "a\nb\u2028c"},
        {"step": 3, "x": math.inf},
    ]
    for record in records:
        lines.append(path, record)
    assert lines.read(path) == records


def test_a_torn_last_line_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines.append(path, {"step": 1})
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    assert lines.read(path) == [{"step": 1}]


def test_a_missing_file_is_empty(tmp_path):
    lines.cut_back(tmp_path / "none.jsonl", 3)
    lines.sync(tmp_path / "none.jsonl")
    assert lines.read(tmp_path / "none.jsonl") == []


def test_cutting_back_drops_what_came_later_and_never_fills_up(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines.append(path, {"step": 1})
    size = path.stat().st_size
    lines.append(path, {"step": 2})
    lines.cut_back(path, size)
    lines.cut_back(path, size + 100)
    assert path.read_text() == '{"step": 1}\n'


def test_what_is_no_record_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '[3]\n3\nnull\n{"x": 1}\n{"step": "1"}\n{"step": 1.5}\n{"step": 2, "x": 1}\n' + "[" * 9999
    )
    assert lines.read(path) == [{"step": 2, "x": 1}]


def test_metrics_are_numbers(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines.append(path, {"step": 1, "val/loss": "low", "lr": None, "x": math.inf})
    lines.append(path, {"step": 1, "y": 2})
    assert lines.read_metrics(path) == [{"step": 1, "x": math.inf, "y": 2}]
    assert lines.last(lines.read_metrics(path), "y") == 2
    assert lines.last(lines.read_metrics(path), "lr") is None


def test_samples_are_those_of_the_last_step(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text('[3]\n{"step": 1, "prompt": "a", "text": "b"}\n{"step": 2}\n')
    assert lines.last_samples(path) == {"a": "b"}
    lines.append(path, {"step": 3, "prompt": "c", "text": "d"})
    assert lines.last_samples(path) == {"c": "d"}


def test_thinning_keeps_the_last_point_and_the_order():
    assert lines.thin(range(10), 4) == range(0, 10, 3)[-4:]
    ends = [lines.thin(range(n), 100) for n in range(1, 999)]
    assert all(len(end) <= 100 and end[-1] == n for n, end in enumerate(ends))
    assert list(lines.thin([], 5)) == []
