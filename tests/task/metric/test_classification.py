import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.classification import ClassificationMetric

LABELS = ["class", "constant", "function", "module"]


def computed(predictions: list[Prediction], labels=LABELS) -> dict[str, float]:
    metric = ClassificationMetric(labels)
    metric.update(predictions)
    return {name: value.item() for name, value in metric.compute().items()}


def columns(predictions: list[Prediction]) -> tuple[list[str], list[str]]:
    return [each.reference for each in predictions], [each.output for each in predictions]


def test_figures_are_scikit_learns(kinds):
    """With a label that is never an output ("module"), and an output that is no label ("private")."""
    truth, outputs = columns(kinds)
    assert set(truth) == set(LABELS)
    assert "module" not in outputs and "private" in outputs
    assert computed(kinds) == pytest.approx(
        {
            "accuracy": accuracy_score(truth, outputs),
            "macro_f1": f1_score(truth, outputs, labels=LABELS, average="macro", zero_division=0),
            "matthews": matthews_corrcoef(truth, outputs),
        },
        abs=1e-12,
    )


def test_labels_that_never_occur_change_nothing(kinds):
    assert computed(kinds, [*LABELS, "method", "property"]) == computed(kinds)


def test_two_classes_are_the_usual_matthews(kinds):
    pair = ["class", "function"]
    both = [each for each in kinds if each.reference in pair and each.output in pair]
    (tp, fn), (fp, tn) = confusion_matrix(*columns(both), labels=pair)
    expected = (tp * tn - fp * fn) / math.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    assert 0 < expected < 1
    assert computed(both, pair)["matthews"] == pytest.approx(expected)


def test_one_output_for_everything_correlates_with_nothing(kinds):
    constant = [Prediction("function", each.reference) for each in kinds]
    assert computed(constant)["matthews"] == matthews_corrcoef(*columns(constant)) == 0
    assert computed(constant)["accuracy"] > 0


def test_one_reference_for_everything_is_degenerate_too():
    assert computed([Prediction("class", "class")] * 3) == {"accuracy": 1, "macro_f1": 1, "matthews": 0}


def test_the_sums_are_the_confusion_matrix(kinds):
    metric = ClassificationMetric(LABELS)
    metric.update(kinds)
    names = [*LABELS, "private"]
    expected = confusion_matrix(*columns(kinds), labels=names)[:4]
    np.testing.assert_array_equal(metric.confusion(metric.sums.numpy()), expected)


def test_a_reference_that_is_no_label_is_told_with_the_nearest():
    with pytest.raises(ValueError, match=r"'functions' is not among .* did you mean 'function'\?"):
        ClassificationMetric(LABELS).statistics(Prediction("class", "functions"))


@pytest.mark.parametrize("labels", [[], ["class"], ["class", "class"]])
def test_labels_are_several_and_distinct(labels):
    with pytest.raises(ValueError, match="at least two, and distinct"):
        ClassificationMetric(labels)
