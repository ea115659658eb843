import gzip
import shutil

import pytest

from gpt_exp.data import pieces
from gpt_exp.data.text import TextFiles

FILES = {
    "b.txt": "second\r\n",
    "a/x.txt": "first\n",
    "a/.hidden": "no",
    ".git/y.txt": "no",
    "c.md": "third",
    "e": "",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / "books" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "books" / name).write_bytes(text.encode())
    return tmp_path / "books"


def read(source) -> list[tuple[str, str]]:
    return [(piece.document, piece.text) for piece in source.pieces()]


def test_a_folder_gives_its_visible_files_in_order_and_as_they_are(folder):
    assert read(TextFiles(paths=str(folder))) == [
        ("a/x.txt", "first\n"),
        ("b.txt", "second\r\n"),
        ("c.md", "third"),
    ]


def test_globs_files_and_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert read(TextFiles(paths=["~/books/*.txt"])) == [("b.txt", "second\r\n")]
    assert [key for key, _ in read(TextFiles(paths=["~/books/**/*.txt", str(folder / "c.md")]))] == [
        "a/x.txt",
        "b.txt",
        "c.md",
    ]
    monkeypatch.chdir(folder)
    assert read(TextFiles(paths="a/../b.txt")) == [("b.txt", "second\r\n")]


def test_moving_the_folder_changes_neither_keys_nor_fingerprint(folder, tmp_path):
    before = TextFiles(paths=str(folder))
    keys, fingerprint = read(before), before.fingerprint()
    after = TextFiles(paths=str(shutil.move(folder, tmp_path / "elsewhere")))
    assert (read(after), after.fingerprint()) == (keys, fingerprint)


def test_any_change_of_content_name_or_encoding_changes_the_fingerprint(folder):
    seen = {
        TextFiles(paths=str(folder)).fingerprint(),
        TextFiles(paths=str(folder), encoding="latin-1").fingerprint(),
    }
    (folder / "b.txt").write_bytes(b"seconD\r\n")
    seen.add(TextFiles(paths=str(folder)).fingerprint())
    (folder / "b.txt").rename(folder / "d.txt")
    seen.add(TextFiles(paths=str(folder)).fingerprint())
    assert len(seen) == 4


@pytest.mark.parametrize("line", ["a line\n", "no line ends at all "])
def test_long_files_come_in_bounded_pieces_cut_at_line_ends(tmp_path, line):
    text = line * (3 * pieces.PIECE_LENGTH // len(line))
    (tmp_path / "long.txt").write_text(text)
    found = list(TextFiles(paths=str(tmp_path)).pieces())
    assert "".join(piece.text for piece in found) == text
    assert len(found) >= 2 and {piece.document for piece in found} == {"long.txt"}
    assert max(len(piece.text) for piece in found) <= 2 * pieces.PIECE_LENGTH
    assert all(piece.text.endswith("\n") for piece in found) or "\n" not in line


def test_gzipped_text_is_read(tmp_path):
    (tmp_path / "x.txt.gz").write_bytes(gzip.compress("packed é".encode()))
    assert read(TextFiles(paths=str(tmp_path))) == [("x.txt.gz", "packed é")]


def test_mistakes_name_the_path_and_the_nearest_name(folder):
    with pytest.raises(ValueError, match=r"bookz/a does not exist; did you mean .*books\?"):
        TextFiles(paths=[str(folder.parent / "bookz" / "a")])
    with pytest.raises(ValueError, match=r"b\.text does not exist; did you mean .*b\.txt\?"):
        TextFiles(paths=[str(folder / "b.text")])
    with pytest.raises(ValueError, match=r"\*\.pdf does not exist"):
        TextFiles(paths=[str(folder / "*.pdf")])
    with pytest.raises(ValueError, match="empty"):
        TextFiles(paths=[])
    (folder / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ValueError, match=r"picture\.png is not utf-8 text: .* data\.encoding"):
        read(TextFiles(paths=str(folder)))
