"""What the benchmark takes for the best learning rate, and what it reads from a sweep."""

import math
from statistics import fmean

import pytest
import sweep_folders
import width_transfer
from width_transfer import Optimum, optimum

RATES = [0.001 * 2**power for power in range(7)]


@pytest.mark.parametrize("best", [0.003, 0.008, 0.02])
def test_the_optimum_of_a_parabola_is_found_between_the_rates(best):
    found = optimum({rate: 3 + math.log(rate / best) ** 2 for rate in RATES})
    assert found.rate == pytest.approx(best)
    assert found.is_inside


def test_at_the_edge_or_beside_a_failure_it_is_the_best_run_s():
    assert optimum({0.1: 1.0, 0.2: 2.0, 0.4: 3.0}) == Optimum(0.1, 1.0, False)
    assert optimum({0.1: math.nan, 0.2: 2.0, 0.4: 3.0}) == Optimum(0.2, 2.0, True)


@pytest.fixture
def found(tmp_path):
    sweep = sweep_folders.write_sweep(
        tmp_path / "sweep",
        {
            "seed": [1, 2],
            "model.parametrization": ["standard", "maximal_update"],
            "model.embedding_dim": [32, 64],
            "optimizer.lr": [0.001, 0.01, 0.1],
        },
    )
    sweep_folders.change(sweep, 2, state="failed", reason="training diverged")
    return width_transfer.losses(sweep)


def test_losses_are_the_means_over_seeds_and_there_is_none_where_one_failed(found):
    assert list(found) == ["standard", "maximal_update"]
    assert list(found["standard"]) == [32, 64]
    expected = fmean(sweep_folders.loss_of({"optimizer.lr": 0.01, "seed": seed}, 60) for seed in (1, 2)) + 0.1
    assert found["maximal_update"][64][0.01] == pytest.approx(expected)
    assert math.isnan(found["standard"][32][0.1])


def test_the_table_and_the_picture_show_every_width(found, capsys):
    width_transfer.tell(found)
    told = capsys.readouterr().out
    assert "best learning rate at the widest by that at the narrowest" in told
    assert "nan" in told.splitlines()[3]
    shown = width_transfer.figure(found)
    assert [trace.name for trace in shown.data if trace.name] == ["width 32", "width 64"] * 2
    stars = [trace.x[0] for trace in shown.data if trace.marker.symbol == "star"]
    best = optimum(found["maximal_update"][32]).rate
    assert stars == pytest.approx([0.01, best, best, best])
