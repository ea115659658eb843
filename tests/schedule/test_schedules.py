"""What all schedules share, and where each equals a published one."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import transformers

from gpt_exp.schedule.constant import constant
from gpt_exp.schedule.cosine import cosine
from gpt_exp.schedule.linear import linear
from gpt_exp.schedule.warmup_stable_decay import warmup_stable_decay

DECAYING = [cosine, linear, warmup_stable_decay]
ALL = [*DECAYING, constant]
Schedule = Callable[..., float]


def factors(schedule: Callable[[int], float], num_steps: int = 50) -> list[float]:
    return [schedule(step) for step in range(num_steps)]


def lambda_of(scheduler: torch.optim.lr_scheduler.LambdaLR) -> Callable[[int], float]:
    return scheduler.lr_lambdas[0]


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


@pytest.mark.parametrize("schedule", ALL)
def test_warmup_rises_in_equal_steps_from_above_zero_to_one(schedule: Schedule) -> None:
    values = factors(partial(schedule, max_steps=100, warmup_steps=4), 5)
    assert values == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("schedule", ALL)
def test_starts_at_one_without_warmup(schedule: Schedule) -> None:
    assert schedule(0, max_steps=100, warmup_steps=0) == 1.0


@pytest.mark.parametrize("schedule", ALL)
@pytest.mark.parametrize("max_steps", [1, 2, 5])
@pytest.mark.parametrize("warmup_steps", [0, 0.05, 0.5, 1])
def test_the_shortest_runs_work(schedule: Schedule, max_steps: int, warmup_steps: float) -> None:
    for factor in factors(partial(schedule, max_steps=max_steps, warmup_steps=warmup_steps), max_steps):
        assert 0 < factor <= 1


@pytest.mark.parametrize("schedule", DECAYING)
def test_falls_to_min_factor_and_stays_there(schedule: Schedule) -> None:
    of = partial(schedule, max_steps=40, warmup_steps=5, min_factor=0.2)
    values = factors(of, 60)
    assert values[5:41] == sorted(values[5:41], reverse=True)
    assert values[39] > 0.2
    assert values[40:] == pytest.approx([0.2] * 20)


@pytest.mark.parametrize("schedule", ALL)
def test_a_fraction_means_that_part_of_max_steps(schedule: Schedule) -> None:
    fraction = partial(schedule, max_steps=40, warmup_steps=0.25)
    assert factors(fraction) == factors(partial(schedule, max_steps=40, warmup_steps=10))


@pytest.mark.parametrize("schedule", ALL)
@pytest.mark.parametrize("warmup_steps", [-1, 41, 2.5])
def test_an_impossible_warmup_is_refused(schedule: Schedule, warmup_steps: float) -> None:
    with pytest.raises(ValueError, match=rf"warmup_steps={warmup_steps} .*max_steps=40"):
        schedule(0, max_steps=40, warmup_steps=warmup_steps)


@pytest.mark.parametrize("schedule", ALL)
def test_training_without_an_end_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match="max_steps=-1"):
        schedule(0, max_steps=-1, warmup_steps=0.05)


def test_warmup_and_decay_must_not_overlap() -> None:
    with pytest.raises(ValueError, match=r"warmup_steps=30 .*decay_steps=20 .*max_steps=40"):
        warmup_stable_decay(0, max_steps=40, warmup_steps=30, decay_steps=0.5)


def test_cosine_is_torchs_without_warmup() -> None:
    sgd = optimizer()
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=50, eta_min=0.1)
    ours = factors(partial(cosine, max_steps=50, warmup_steps=0))
    for factor in ours:
        assert factor == pytest.approx(torchs.get_last_lr()[0])
        sgd.step()
        torchs.step()


def test_cosine_is_nanogpts() -> None:
    of = partial(cosine, max_steps=2000, warmup_steps=100, min_factor=0.1)
    assert of(49) == pytest.approx(50 / 101)
    assert of(1050) == pytest.approx(0.55)  # Half-way from 100 to 2,000.


def test_cosine_is_transformers_after_warmup() -> None:
    theirs = lambda_of(transformers.get_cosine_schedule_with_warmup(optimizer(), 10, 50))
    assert factors(partial(cosine, max_steps=50, warmup_steps=10, min_factor=0.0))[10:] == pytest.approx(
        factors(theirs)[10:]
    )


def test_linear_is_transformers_after_warmup() -> None:
    theirs = lambda_of(transformers.get_linear_schedule_with_warmup(optimizer(), 10, 50))
    assert factors(partial(linear, max_steps=50, warmup_steps=10))[10:] == pytest.approx(factors(theirs)[10:])


def test_warmup_stable_decay_is_transformers_after_warmup() -> None:
    theirs = lambda_of(
        transformers.get_wsd_schedule(
            optimizer(), 10, num_decay_steps=15, num_stable_steps=25, decay_type="1-sqrt"
        )
    )
    ours = partial(warmup_stable_decay, max_steps=50, warmup_steps=10, decay_steps=15)
    assert factors(ours, 60)[10:] == pytest.approx(factors(theirs, 60)[10:])


def test_the_plateau_does_not_depend_on_where_training_ends() -> None:
    short, long = (partial(warmup_stable_decay, max_steps=n, warmup_steps=10) for n in (100, 200))
    assert factors(short, 81) == factors(long, 81)
    assert short(81) < long(81) == 1.0
