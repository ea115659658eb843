import pytest
import sacrebleu

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.translation import TranslationMetric

REFERENCE = "Four score and seven years ago our fathers brought forth on this continent, a new nation"


def computed(predictions: list[Prediction]) -> dict[str, float]:
    metric = TranslationMetric()
    metric.update(predictions)
    return {name: value.item() for name, value in metric.compute().items()}


def test_figures_are_sacrebleus_of_the_corpus(summaries):
    pairs = [Prediction(each.output, each.reference[0]) for each in summaries]
    outputs, references = [each.output for each in pairs], [[each.reference for each in pairs]]
    found = computed(pairs)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(outputs, references).score, abs=1e-9)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(outputs, references).score, abs=1e-9)
    assert found["ter"] == pytest.approx(sacrebleu.corpus_ter(outputs, references).score, abs=1e-9)
    assert all(found.values())


def test_any_number_of_references_is_sacrebleus(summaries):
    outputs = [each.output for each in summaries]
    most = max(len(each.reference) for each in summaries)
    assert {len(each.reference) for each in summaries} == {2, 3}
    padded = [[*each.reference, *[None] * (most - len(each.reference))] for each in summaries]
    streams = list(zip(*padded, strict=True))
    found = computed(summaries)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(outputs, streams).score, abs=1e-9)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(outputs, streams).score, abs=1e-9)
    assert found["ter"] == pytest.approx(sacrebleu.corpus_ter(outputs, streams).score, abs=1e-9)


def test_a_perfect_translation_has_the_best_of_each():
    assert computed([Prediction(REFERENCE, REFERENCE)]) == pytest.approx({"bleu": 100, "chrf": 100, "ter": 0})


def test_case_counts():
    assert computed([Prediction(REFERENCE.lower(), REFERENCE)])["bleu"] < 100


def test_ter_can_be_left_out():
    metric = TranslationMetric(ter=False)
    metric.update([Prediction(REFERENCE, REFERENCE)])
    assert set(metric.compute()) == {"bleu", "chrf"}


def test_scores_of_segments_too_short_for_bleu_rank_them():
    metric = TranslationMetric()
    near, far = Prediction("the nations", "the nation"), Prediction("our fathers", "the nation")
    assert metric.values(metric.statistics(near))["bleu"] == 0
    assert metric.score(near) > metric.score(far) > 0


def test_an_empty_output_is_no_error():
    assert computed([Prediction("", REFERENCE)]) == {"bleu": 0, "chrf": 0, "ter": 100}


@pytest.mark.parametrize("prediction", [Prediction(None, "a"), Prediction("a", []), Prediction("a", [1])])
def test_what_is_no_text_is_told(prediction):
    with pytest.raises(ValueError, match="must be a text"):
        TranslationMetric().statistics(prediction)
