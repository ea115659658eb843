"""Where a metric should go, as its name tells."""

import pytest

from gpt_exp.run.better import better


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        *((f"val/{name}", "min") for name in ("loss", "perplexity", "bits_per_byte", "films/perplexity")),
        *((f"val/{name}", "max") for name in ("accuracy", "bleu", "rougeL", "score", "films/ndcg@10")),
        ("num_parameters", "min"),
        ("val/length", None),
    ],
)
def test_metrics_go_where_their_names_say(metric, mode):
    assert better(metric) == mode
