import sysconfig

import pytest

from gpt_exp.data.standard_library import StandardLibrary


def test_it_holds_the_library_and_the_topics_without_tests():
    texts: dict[str, str] = {}
    for piece in StandardLibrary().pieces():
        texts[piece.document] = texts.get(piece.document, "") + piece.text
    assert "class JSONDecoder" in texts["json/decoder.py"] and "pydoc_data/topics/while" in texts
    assert not {name for name in texts if {"test", "tests", "site-packages"} & set(name.split("/"))}
    assert "pydoc_data/topics.py" not in texts
    assert 8_000_000 < sum(map(len, texts.values())) < 40_000_000


def test_it_is_the_same_each_time():
    first, second = (StandardLibrary().pieces() for _ in range(2))
    assert all(a == b for a, b in zip(first, second, strict=True))


def test_a_python_without_sources_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(ValueError, match=r"without the sources .* data=text"):
        list(StandardLibrary().pieces())


def test_files_and_folders_can_be_left_out():
    names = {piece.document for piece in StandardLibrary(without=["encodings", "pprint.py"]).pieces()}
    assert "json/decoder.py" in names
    assert not {name for name in names if name == "pprint.py" or name.startswith("encodings/")}
