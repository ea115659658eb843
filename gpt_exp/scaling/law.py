"""The loss law L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv 2203.15556, equation 2).

N is the number of parameters, D the number of training tokens, the loss is in nats per token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from gpt_exp.errors import UserError

Numbers = Any  # A number, or an array of them.

MIN_RUNS, MIN_SIZES, MIN_BUDGETS = 6, 2, 2  # Five parameters, and something left to see how well they fit.
HUBER_DELTA = 1e-3  # Of log loss: appendix D.2. Runs further from the law than this count as outliers.
EXPONENTS = (0.05, 1.5)  # What fits of few runs are kept in; Hoffmann et al. found 0.34 and 0.28.
MOST_DRAWS = 100  # For each law of the bootstrap: of six different runs every fourth draw determines one.
NUM_STARTS = 12  # Of the grid, the best: more have found nothing better.
LEAST_TERM, MOST_TERM = 1e-3, 10.0  # Of the smallest loss: E, and the other terms in the middle of the runs.


class Point(NamedTuple):
    """What one run shows."""

    N: float
    D: float
    loss: float


@dataclass(frozen=True)
class Law:
    """Five numbers; E is what no model and no amount of text gets below."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, N: Numbers, D: Numbers) -> Numbers:
        """Nats per token after training N parameters on D tokens; arrays are broadcast."""
        return self.E + self.A / np.power(N, self.alpha) + self.B / np.power(D, self.beta)

    def optimal(self, flops: Numbers) -> tuple[Numbers, Numbers]:
        """The N and D of the lowest loss with 6 N D = flops (equation 4)."""
        total = self.alpha + self.beta
        balance = (self.alpha * self.A / (self.beta * self.B)) ** (1 / total)
        budget = np.asarray(flops, float) / 6
        return balance * budget ** (self.beta / total), budget ** (self.alpha / total) / balance


class Fit(NamedTuple):
    """The law of some runs, with what is uncertain about it."""

    law: Law
    points: list[Point]
    laws: list[Law]  # Of the bootstrap.
    residuals: list[float]  # Of log loss, as large as those of unseen runs.

    def interval(self, N: float, D: float, level: float = 0.9) -> tuple[float, float]:
        """Where a run's loss is expected with this probability, as far as the law's form is right.

        Quantiles of all laws' predictions, each with every residual. Both are spread for the five parameters
        that the runs were spent on: few runs hide how far off their law is.
        """
        predicted = np.log([law.loss(N, D) for law in self.laws])
        middle = np.log(self.law.loss(N, D))
        spread = middle + (predicted - middle) * enlargement(self.points)
        return quantiles(np.exp(np.add.outer(spread, self.residuals)).ravel(), level)


def fit_with_bootstrap(
    points: Sequence[Point], n: int = 200, seed: int = 0, *, delta: float = HUBER_DELTA
) -> Fit:
    """The law of all points, and those of resampled ones."""
    law = fit(points, delta)
    return Fit(law, list(points), bootstrap(points, n, seed, law=law, delta=delta), residuals(law, points))


def fit(points: Sequence[Point], delta: float = HUBER_DELTA) -> Law:
    """The law with the least Huber loss between logs of predicted and measured loss (appendix D.2).

    Logs of N and D are centred, which changes nothing but the numbers that L-BFGS works with. Raises
    UserError for runs that do not determine a law.
    """
    check(points)
    return _fit(points, grid(points, delta)[:NUM_STARTS], delta)


def check(points: Sequence[Point]) -> None:
    """UserError where the points can't determine five numbers."""
    different, sizes, budgets = _count(points)
    if different < MIN_RUNS or sizes < MIN_SIZES or budgets < MIN_BUDGETS:
        raise UserError(
            f"a law needs at least {MIN_RUNS} different runs of {MIN_SIZES} sizes and {MIN_BUDGETS} numbers "
            "of tokens (3 of each are better), besides those held out; "
            f"here are {different} of {sizes} and {budgets}"
        )


def _count(points: Sequence[Point]) -> tuple[int, int, int]:
    """Different points (a run that was repeated shows nothing new), sizes and numbers of tokens."""
    return len(set(points)), len({point.N for point in points}), len({point.D for point in points})


def grid(points: Sequence[Point], delta: float = HUBER_DELTA) -> list[Law]:
    """Where the search may start, best first: shares that the terms have in the loss, and exponents."""
    (n, d), objective = _centre(points), _objective(points, delta)
    return sorted(_starts(points, n, d), key=lambda law: objective(_theta(law, n, d))[0])


def _starts(points: Sequence[Point], n: float, d: float) -> Iterator[Law]:
    least = min(point.loss for point in points)
    for share, of_size, alpha, beta in product((0.2, 0.5, 0.8), (0.3, 0.7), (0.2, 0.4, 0.8), (0.2, 0.4, 0.8)):
        reducible = (1 - share) * least
        A, B = of_size * reducible * np.exp(n * alpha), (1 - of_size) * reducible * np.exp(d * beta)
        yield Law(share * least, float(A), float(B), alpha, beta)


def bootstrap(
    points: Sequence[Point],
    n: int = 200,
    seed: int = 0,
    *,
    law: Law | None = None,
    delta: float = HUBER_DELTA,
) -> list[Law]:
    """Laws of as many runs drawn with replacement, `n` times; draws that determine no law are left out.

    Raises UserError where hardly any draw does, as when most points are one and the same.

    Each search starts at chance places of the grid and at the law of all points. Where runs leave a direction
    open, its laws so end far apart, and the interval tells.
    """
    law = law or fit(points, delta)
    random, places = np.random.default_rng(seed), grid(points, delta)
    laws: list[Law] = []
    for _ in range(MOST_DRAWS * n):
        drawn = [points[index] for index in random.integers(len(points), size=len(points))]
        if _determines(drawn):
            starts = [places[index] for index in random.integers(len(places), size=2)]
            laws.append(_fit(drawn, [*starts, law], delta))
        if len(laws) == n:
            return laws
    raise UserError(f"only {len(laws)} of {MOST_DRAWS * n} samples of the runs determine a law")


def _determines(drawn: Sequence[Point]) -> bool:
    different, sizes, budgets = _count(drawn)
    return different >= 5 and sizes >= MIN_SIZES and budgets >= MIN_BUDGETS


def residuals(law: Law, points: Sequence[Point]) -> list[float]:
    """Measured minus predicted log loss, enlarged for the five parameters that were fitted to them."""
    n, d, loss = np.array(points, float).T
    return list((np.log(loss) - np.log(law.loss(n, d))) * enlargement(points))


def enlargement(points: Sequence[Point]) -> float:
    """From the scatter of runs around the law that was fitted to them to that of new runs around it."""
    return float(np.sqrt(len(points) / (len(points) - 5)))


def quantiles(values: Numbers, level: float) -> tuple[float, float]:
    """The ends of the middle part that holds `level` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _fit(points: Sequence[Point], starts: Iterable[Law], delta: float) -> Law:
    from scipy.optimize import minimize

    n, d = _centre(points)
    objective = _objective(points, delta)
    least = np.log(min(point.loss for point in points))
    term = (least + np.log(LEAST_TERM), least + np.log(MOST_TERM))
    bounds = [(term[0], least), term, term, EXPONENTS, EXPONENTS]
    found = [
        minimize(objective, _theta(start, n, d), jac=True, method="L-BFGS-B", bounds=bounds, options=OPTIONS)
        for start in starts
    ]
    e, a, b, alpha, beta = min(found, key=lambda result: result.fun).x
    return Law(
        *(float(value) for value in (np.exp(e), np.exp(a + alpha * n), np.exp(b + beta * d), alpha, beta))
    )


OPTIONS = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-9, "gtol": 1e-8}


def _centre(points: Sequence[Point]) -> tuple[float, float]:
    """Means of log N and log D."""
    n, d, _ = np.log(np.array(points, float)).mean(0)
    return float(n), float(d)


def _theta(law: Law, n: float, d: float) -> Numbers:
    """Logs of the three terms in the middle of the runs, and the exponents."""
    E, A, B, alpha, beta = astuple(law)
    return np.array([np.log(E), np.log(A) - alpha * n, np.log(B) - beta * d, alpha, beta])


def _objective(points: Sequence[Point], delta: float) -> Callable[[Numbers], tuple[float, Numbers]]:
    """Sum of Huber losses and its gradient.

    A sum in units of delta^2 and not the mean, so that L-BFGS's tolerances do not end the search too early
    (Besiroglu et al. 2024, arXiv 2404.10102, section 3.4).
    """
    n, d, measured = np.log(np.array(points, float)).T
    n, d = n - n.mean(), d - d.mean()

    def objective(theta: Numbers) -> tuple[float, Numbers]:
        e, a, b, alpha, beta = theta
        terms = np.stack([np.full_like(n, e), a - alpha * n, b - beta * d])
        top = terms.max(0)
        parts = np.exp(terms - top)
        total = parts.sum(0)
        error = (top + np.log(total) - measured) / delta
        inside = np.clip(error, -1, 1)
        shares = parts / total * inside / delta
        gradient = [*shares.sum(1), -(shares[1] @ n), -(shares[2] @ d)]
        return float((inside * (error - inside / 2)).sum()), np.array(gradient)

    return objective
