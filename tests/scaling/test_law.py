"""The law: recovered from its own points, minimised in closed form, with intervals that hold."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from gpt_exp.errors import UserError
from gpt_exp.scaling import law as module
from gpt_exp.scaling.law import Fit, Law, Point, bootstrap, fit, fit_with_bootstrap, quantiles

SMALL = Law(E=1.2, A=60.0, B=900.0, alpha=0.38, beta=0.47)
CHINCHILLA = Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
SIZES, BUDGETS = np.array([84e3, 267e3, 542e3]), np.array([0.5e6, 1e6, 2e6])


def points(law, sizes=SIZES, budgets=BUDGETS, *, noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    return [
        Point(N, D, float(law.loss(N, D) * np.exp(noise * random.standard_normal())))
        for N in sizes
        for D in budgets
    ]


@pytest.mark.parametrize("law", [SMALL, CHINCHILLA])
def test_points_without_noise_give_back_their_law(law):
    scale = 1 if law is SMALL else 1000
    found = fit(points(law, SIZES * scale, BUDGETS * scale))
    assert abs(found.E - law.E) < 0.05 * law.E
    assert found.alpha == pytest.approx(law.alpha, rel=0.05)
    assert found.beta == pytest.approx(law.beta, rel=0.05)
    N, D = 4 * SIZES[-1] * scale, 1.5 * BUDGETS[-1] * scale
    assert found.loss(N, D) == pytest.approx(law.loss(N, D), rel=1e-3)


def test_many_noisy_points_give_back_their_law():
    sizes, budgets = np.geomspace(1e5, 1e7, 6), np.geomspace(1e6, 1e8, 6)
    found = fit(points(SMALL, sizes, budgets, noise=0.003))
    assert abs(found.E - SMALL.E) < 0.1 * SMALL.E
    assert found.alpha == pytest.approx(SMALL.alpha, rel=0.1)
    assert found.beta == pytest.approx(SMALL.beta, rel=0.1)
    assert found.loss(4e7, 2e8) == pytest.approx(SMALL.loss(4e7, 2e8), rel=0.01)


def test_one_run_that_went_wrong_moves_little():
    """Huber's loss: it is an outlier among its neighbours."""
    runs = points(SMALL, np.geomspace(1e5, 1e6, 4), noise=0.001)
    spoilt = [*runs[:5], runs[5]._replace(loss=1.3 * runs[5].loss), *runs[6:]]
    assert fit(spoilt).loss(4e6, 3e6) == pytest.approx(fit(runs).loss(4e6, 3e6), rel=0.01)


def test_with_a_wide_delta_every_run_counts():
    runs = points(SMALL)
    moved = [*runs[:-1], runs[-1]._replace(loss=1.02 * runs[-1].loss)]
    narrow, wide = (abs(fit(moved, delta).loss(4e6, 3e6) - SMALL.loss(4e6, 3e6)) for delta in (1e-3, 0.1))
    assert narrow < 0.3 * wide


@pytest.mark.parametrize("law", [SMALL, CHINCHILLA])
def test_the_closed_form_is_the_least_loss_of_a_budget(law):
    for flops in (1e12, 1e18, 5.76e23):
        numeric = minimize_scalar(
            lambda log_n, flops=flops: law.loss(np.exp(log_n), flops / 6 / np.exp(log_n)),
            bounds=(np.log(1e2), np.log(flops / 6e2)),
            method="bounded",
            options={"xatol": 1e-10},
        )
        N, D = law.optimal(flops)
        assert np.exp(numeric.x) == pytest.approx(N, rel=1e-3)
        assert abs(6 * N * D / flops - 1) < 1e-9


def test_terms_that_the_runs_do_not_show_stay_plausible():
    """A loss that does not depend on the size at all, and one that falls faster than any law."""
    found = fit([Point(N, D, 2 + 3e4 / D**0.7) for N in SIZES for D in BUDGETS])
    assert found.E >= 0
    assert all(0.05 <= exponent <= 1.5 for exponent in (found.alpha, found.beta))
    steep = fit([Point(N, D, 1 + 1e12 / D**2.0) for N in SIZES for D in BUDGETS])
    assert steep.beta <= 1.5


@pytest.mark.parametrize(
    "few",
    [
        points(SMALL, SIZES[:2], BUDGETS[:2]),
        2 * points(SMALL, SIZES[:2], BUDGETS[:2]),  # Trained twice.
        points(SMALL, SIZES[:1], np.geomspace(1e5, 1e7, 9)),
        points(SMALL, np.geomspace(1e5, 1e7, 9), BUDGETS[:1]),
    ],
)
def test_too_few_runs_are_refused(few):
    with pytest.raises(UserError, match="at least 6 different runs of 2 sizes and 2 numbers of tokens"):
        fit(few)


def test_the_bootstrap_is_of_its_seed():
    runs = points(SMALL, noise=0.003)
    law = fit(runs)
    assert bootstrap(runs, 4, seed=1, law=law) == bootstrap(runs, 4, seed=1, law=law)
    assert bootstrap(runs, 4, seed=1, law=law) != bootstrap(runs, 4, seed=2, law=law)


def test_runs_of_which_no_sample_determines_a_law_are_refused(monkeypatch):
    """And do not keep the resampling for ever."""
    monkeypatch.setattr(module, "_determines", lambda _: False)
    with pytest.raises(UserError, match="0 of 200 samples"):
        bootstrap(points(SMALL), 2, law=SMALL)


def test_residuals_widen_an_interval():
    laws = [Law(1.0, 1.0, 1.0, 0.3, beta) for beta in (0.2, 0.3, 0.4)]
    runs = points(SMALL)
    low, high = Fit(laws[1], runs, laws, [0.0]).interval(1e6, 1e6)
    wide_low, wide_high = Fit(laws[1], runs, laws, [-0.01, 0.0, 0.01]).interval(1e6, 1e6)
    assert wide_low < low < high < wide_high


def test_quantiles_hold_their_part():
    low, high = quantiles(np.arange(1001.0), 0.9)
    assert (low, high) == (pytest.approx(50), pytest.approx(950))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_intervals_cover_new_larger_runs():
    """Of 12 studies with other noise, most hold the loss of a run of four times the size, noise included."""
    N, D, noise = 4 * SIZES[-1], 1.5 * BUDGETS[-1], 0.004
    covered = 0
    for seed in range(12):
        found = fit_with_bootstrap(points(SMALL, noise=noise, seed=seed), 40)
        new = SMALL.loss(N, D) * np.exp(noise * np.random.default_rng(1000 + seed).standard_normal())
        low, high = found.interval(N, D, 0.9)
        covered += low <= new <= high
        assert high - low < 0.3 * new
    assert covered >= 9
