import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.ranking import Ranking


def computed(metric: Ranking, predictions: list[Prediction]) -> dict[str, float]:
    metric.update(predictions)
    return {name: value.item() for name, value in metric.compute().items()}


@pytest.mark.parametrize("k", [1, 5, 10])
def test_figures_are_scikit_learns(initials, k):
    ranking = initials[0].output
    ranked = [each for each in initials if each.reference in ranking]
    scores = np.tile(-np.arange(len(ranking), dtype=float), (len(ranked), 1))
    truth = np.array([ranking.index(each.reference) for each in ranked])
    relevant = np.eye(len(ranking))[truth]
    assert computed(Ranking(k=k), ranked) == pytest.approx(
        {
            f"hit_rate@{k}": top_k_accuracy_score(truth, scores, k=k, labels=range(len(ranking))),
            f"ndcg@{k}": ndcg_score(relevant, scores, k=k),
            "mrr": label_ranking_average_precision_score(relevant, scores),
        }
    )


def test_an_item_that_is_not_in_the_list_is_worth_nothing():
    assert set(computed(Ranking(), [Prediction(["a", "e"], "z")]).values()) == {0}


def test_beyond_k_only_the_reciprocal_rank_counts():
    found = computed(Ranking(k=2), [Prediction(["a", "e", "i"], "i")])
    assert found == pytest.approx({"hit_rate@2": 0, "ndcg@2": 0, "mrr": 1 / 3})


def test_a_mistaken_k_or_output_is_told():
    with pytest.raises(ValueError, match="k=0 must be at least 1"):
        Ranking(k=0)
    with pytest.raises(ValueError, match="must be a list of items"):
        Ranking().statistics(Prediction("aei", "a"))
