"""What a run reached is found under the names that are told."""

from gpt_exp.run.summary import metric_names, reached_in

METRICS = [{"step": 1, "train/loss": 3.0}, {"step": 2, "train/loss": 2.0, "val/loss": 2.5}]
RESULTS = {"seconds": 1.0, "val": {"loss": 2.4, "by": {"bytes": 9}}, "name": "demo"}


def test_every_name_is_one_that_has_a_value():
    names = metric_names(METRICS, RESULTS)
    assert names == ["seconds", "train/loss", "val/by/bytes", "val/loss"]
    assert all(reached_in(METRICS, RESULTS, name, "min") for name in names)
