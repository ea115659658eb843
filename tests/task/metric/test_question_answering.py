import pytest

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.question_answering import ExactMatchF1


def judged(output: str, *references: str) -> tuple[float, float]:
    metric = ExactMatchF1()
    metric.update([Prediction(output, list(references))])
    return metric.compute()["exact_match"].item(), metric.compute()["f1"].item()


@pytest.mark.parametrize(
    "output", ["The Gettysburg address.", "gettysburg   Address", "“Gettysburg-Address”"]
)
def test_case_articles_punctuation_and_white_space_count_for_nothing(output):
    expected = (100, 100) if "-" not in output else (0, 0)  # The script joins what a hyphen parts,
    assert judged(output, "the Gettysburg Address") == expected  # and knows ASCII's punctuation only.


def test_f1_weighs_the_words_that_are_shared():
    # 2 of 2 words are right, 2 of 5 are found: "a" is no word.
    exact_match, f1 = judged("a new nation", "a new nation, conceived in Liberty")
    assert exact_match == 0
    assert f1 == pytest.approx(100 * 2 * 1 * 0.4 / 1.4)


def test_a_repeated_word_is_right_as_often_as_it_is_there():
    assert judged("people people people", "the people")[1] == pytest.approx(100 * 2 * (1 / 3) / (4 / 3))


def test_the_best_reference_counts():
    assert judged("fourscore", "87 years", "fourscore and seven", "fourscore") == (100, 100)
    assert judged("seven years", "87 years", "four score and seven years")[1] == pytest.approx(200 * 2 / 7)


def test_answers_without_a_word_match_but_share_none_as_in_the_script():
    assert judged("the", "A") == (100, 0)


def test_means_are_over_questions():
    metric = ExactMatchF1()
    metric.update([Prediction("Lincoln", "Lincoln"), Prediction("Jefferson", "Lincoln")])
    assert metric.compute()["exact_match"] == metric.compute()["f1"] == 50


def test_where_there_is_no_answer_an_empty_one_is_right():
    metric = ExactMatchF1()
    metric.update([Prediction("", [""]), Prediction("sixth", [""])])
    assert metric.compute() == {"exact_match": 50, "f1": 50}
