"""The baselines, on baskets whose neighbours are plain to see."""

import numpy as np
import pytest
import recommendation

TRAIN = [
    {"user": "1", "items": ["bread", "butter", "jam"]},
    {"user": "2", "items": ["bread", "butter"]},
    {"user": "3", "items": ["bread", "beer"]},
    {"user": "4", "items": ["beer", "crisps"]},
]


@pytest.fixture
def known():
    return recommendation.interactions(TRAIN)


def test_popularity_leaves_out_what_the_user_had(known):
    (found,) = recommendation.popularity(known, [{"items": ["bread", "wine"], "target": "jam"}])
    assert set(found.output[:2]) == {"butter", "beer"} and set(found.output[2:4]) == {"jam", "crisps"}


def test_cosines_are_those_of_columns_and_only_the_nearest_are_kept(known):
    column = dict(zip(known.names, known.matrix.T, strict=True))
    bread, butter = column["bread"], column["butter"]
    expected = bread @ butter / (np.linalg.norm(bread) * np.linalg.norm(butter))
    nearest, row = recommendation.similarities(known, 1), known.number["bread"]
    assert nearest[row, known.number["butter"]] == pytest.approx(expected)
    assert np.count_nonzero(nearest[row]) == 1


def test_item_knn_goes_by_the_newest_items(known):
    record = {"items": ["crisps", "butter"], "target": "bread"}
    (both,) = recommendation.item_knn(known, [record], 4, None)
    (newest,) = recommendation.item_knn(known, [record], 4, 1)
    assert newest.output[:2] == ["bread", "jam"]
    assert both.output[0] in ("bread", "beer") and set(both.output[:3]) == {"bread", "beer", "jam"}
