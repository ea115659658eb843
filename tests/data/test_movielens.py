import pytest

from gpt_exp.data.movielens import MovieLens

# User, item, rating, time: lines in another order than time, two of one second.
RATINGS = [(196, 242, 3, 50), (22, 377, 1, 10), (196, 302, 4, 40), (196, 51, 2, 50), (196, 346, 1, 30)]
TITLES = {51: "Legends of the Fall (1994)", 242: "Kolya (1996)", 302: "L.A. Confidential (1997)"}
FRENCH = "Dîner de cons, Le (1998)"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ml-100k").mkdir()
    lines = ["\t".join(map(str, rating)) for rating in RATINGS]
    (tmp_path / "ml-100k" / "u.data").write_text("\n".join(lines) + "\n")
    rows = [f"{item}|{title}|01-Jan-1997||http://x" for item, title in {**TITLES, 346: FRENCH}.items()]
    (tmp_path / "ml-100k" / "u.item").write_text("\n".join(rows), encoding="latin-1")
    return tmp_path


def source(folder, **options):
    return MovieLens(root=str(folder), folder="ml-100k", **options)


def test_the_last_item_in_time_tests_and_the_one_before_validates(folder):
    assert source(folder).read() == {
        "train": [{"user": "22", "items": ["377"]}, {"user": "196", "items": ["346", "302"]}],
        "val": [{"user": "196", "items": ["346", "302"], "target": "242"}],
        "test": [{"user": "196", "items": ["346", "302", "242"], "target": "51"}],
    }


def test_titles_stand_beside_the_items(folder):
    (folder / "ml-100k" / "u.data").write_text(
        "".join(f"196\t{item}\t3\t{item}\n" for item in (346, *TITLES))
    )
    (record,) = source(folder, titles=True).read()["test"]
    assert record["items"] == ["51", "242", "302"] and record["titles"] == list(TITLES.values())
    assert record["target_title"] == FRENCH


def test_what_is_no_rating_and_an_item_without_title_are_told(folder):
    with pytest.raises(ValueError, match=r"no title for item 377; set data\.titles=false"):
        source(folder, titles=True).read()
    with (folder / "ml-100k" / "u.data").open("a") as file:
        file.write("196,242,3\n")
    with pytest.raises(ValueError, match=r"u\.data:6: not user TAB item"):
        source(folder).read()
