"""What the data of a stage hold, before they are read."""

import sys

from gpt_exp.config.data_fingerprint import fingerprint


def test_a_blend_is_of_its_files_and_of_the_python_that_gives_the_rest(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text("one")
    files, library = {"_target_": "text", "paths": [str(file)]}, {"_target_": "standard_library"}

    def found(*sources):
        return fingerprint({"data": {"sources": {str(n): each for n, each in enumerate(sources)}}})

    before = found(files), found(files, library), found(library)
    assert len(set(before)) == 3
    monkeypatch.setattr(sys, "version", "another")
    assert [
        a == b for a, b in zip(before, (found(files), found(files, library), found(library)), strict=True)
    ] == [
        True,
        False,
        False,
    ]
    file.write_text("two")
    assert found(files) != before[0]


def test_of_several_tasks_the_whole_config_s_data_have_no_part(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    tasks = {"a": {"data": {"train": str(tmp_path / "a.txt")}}}
    assert fingerprint({"data": {}, "tasks": tasks}) == fingerprint({"data": tasks["a"]["data"]})
