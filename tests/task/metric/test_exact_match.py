from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.exact_match import ExactMatch


def share(*predictions: Prediction) -> float:
    metric = ExactMatch()
    metric.update(predictions)
    return metric.compute()["exact_match"].item()


def test_any_reference_may_match():
    assert share(Prediction("Liberty", ["Life", "Liberty"]), Prediction("Happiness", ["Life"])) == 50


def test_only_white_space_around_an_output_is_forgiven():
    assert share(Prediction(" all men\n", "all men")) == 100
    assert share(Prediction("all  men", "all men")) == 0
    assert share(Prediction("All men", "all men")) == 0
