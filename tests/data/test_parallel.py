import gzip

import pytest

from gpt_exp.data.parallel import ParallelText

ENGLISH = ["Two men are at the stove preparing food.", "A man in green holds a guitar.", "A trendy girl."]
GERMAN = ["Zwei Männer bereiten Essen zu.", "Ein Mann in Grün hält eine Gitarre.", "Ein schickes Mädchen."]


def write(folder, name, lines):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def root(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / "captions", f"{split}.en", ENGLISH)
        write(tmp_path / "captions", f"{split}.de", GERMAN)
    return tmp_path


def source(root, **options):
    return ParallelText(**{"root": str(root), "splits": {"train": "train", "val": "val"}, **options})


def test_lines_of_both_files_are_pairs_in_their_order(root):
    parts = source(root, folder="captions").read()
    assert list(parts) == ["train", "val"]
    assert [record["source"] for record in parts["train"]] == ENGLISH
    assert [record["target"] for record in parts["train"]] == GERMAN


def test_the_root_may_be_the_folder_or_the_one_that_holds_it(root):
    outside, inside = source(root, folder="captions"), source(root / "captions", folder="captions")
    assert outside.fingerprint() == inside.fingerprint()


def test_the_other_direction_swaps_the_sides(root):
    back = source(root / "captions", source="de", target="en").read()["val"]
    assert back[0] == {"source": GERMAN[0], "target": ENGLISH[0]}


def test_a_byte_order_mark_is_no_part_of_the_first_sentence(root):
    file = root / "captions" / "train.en"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert source(root, folder="captions").read()["train"][0]["source"] == ENGLISH[0]


def test_separators_inside_a_sentence_cut_no_line_and_empty_sides_make_no_pair(root):
    write(root / "captions", "train.en", ["One\u2028two.\x0bThree.", "", "Four."])
    pairs = source(root / "captions").read()["train"]
    assert [pair["source"] for pair in pairs] == ["One\u2028two.\x0bThree.", "Four."]
    assert [pair["target"] for pair in pairs] == [GERMAN[0], GERMAN[2]]


def test_files_of_unequal_length_are_refused_by_name(root):
    write(root / "captions", "val.de", GERMAN[:2])
    with pytest.raises(ValueError, match=r"val\.en has 3 lines and .*val\.de has 2"):
        source(root / "captions").read()


def test_gzipped_files_give_the_same(root):
    before = source(root / "captions").fingerprint()
    for file in list((root / "captions").iterdir()):
        (root / "captions" / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert source(root / "captions").fingerprint() == before


def test_a_missing_file_is_told_when_the_source_is_made(root):
    with pytest.raises(ValueError, match=r"test\.en does not exist; .* the folder captions, or the one that"):
        source(root, folder="captions", splits={"test": "test"})
