import json

import pytest

from gpt_exp.data.mbpp import Mbpp

ROW = {  # The first, shortened.
    "text": "Write a function to find the minimum cost path.",
    "code": "R = 3\r\ndef min_cost(cost):\r\n\treturn cost[0]",
    "test_setup_code": "",
    "test_list": ["assert min_cost([8]) == 8"],
    "challenge_test_list": [],
}


def source(folder, numbers):
    rows = [json.dumps({**ROW, "task_id": number}) for number in numbers]
    (folder / "mbpp.jsonl").write_text("\n".join(rows))
    return Mbpp(root=str(folder), folder="mbpp")


def test_the_parts_are_the_papers(tmp_path):
    parts = source(tmp_path, range(1, 975)).read()
    assert {part: len(records) for part, records in parts.items()} == {
        "prompt": 10,
        "test": 500,
        "val": 90,
        "train": 374,
    }
    assert parts["train"][0]["task_id"] == 601


def test_the_code_has_line_feeds_and_runs(tmp_path):
    (record,) = source(tmp_path, [1]).read()["prompt"]
    assert "\r" not in record["code"]
    names: dict[str, object] = {}
    exec("\n".join([record["code"], *record["test_list"]]), names)
    assert "min_cost" in names


def test_other_data_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mbpp\.jsonl:1: task_id=975 is outside 1 to 974"):
        source(tmp_path, [975]).read()
    (tmp_path / "mbpp.jsonl").write_text('{"prompt": "x"}')
    with pytest.raises(ValueError, match=r"no text, code, .* there are: prompt"):
        Mbpp(root=str(tmp_path)).read()
