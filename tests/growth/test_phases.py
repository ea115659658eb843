import pytest

from gpt_exp.growth.growth import Growth
from gpt_exp.growth.phases import Phases, constant


@pytest.mark.parametrize("phases", [constant(4), Phases([0, 3, 7], [1, 5, 6]), Phases([0, 3, 3], [1, 5, 6])])
def test_sums_and_spans_are_those_of_the_single_steps(phases):
    for step in range(12):
        values = [phases.at(each) for each in range(step)]
        assert phases.before(step) == sum(values)
        assert [v for length, value in phases.spans(step) for v in [value] * length] == values


def test_a_value_holds_from_its_step_on():
    phases = Phases([0, 3, 7], [1, 5, 6])
    assert [phases.at(step) for step in (0, 2, 3, 6, 7, 100)] == [1, 1, 5, 5, 6, 6]


def test_fractions_are_those_of_the_run():
    growth = Growth(
        max_steps=200, context_length=[[0, 0.25], [0.2, 0.5], [100, 1.0]], batch_size=[[0, 1], [7, 8]]
    )
    lengths, sizes = growth.context_lengths(64), growth.batch_sizes(8)
    assert (lengths.steps, lengths.values) == ((0, 40, 100), (16, 32, 64))
    assert (sizes.steps, sizes.values) == ((0, 7), (1, 8))
    assert Growth().batch_sizes(8).values == (8,)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[1, 8]], "the first step is 1 and must be 0"),
        ([[0, 4], [9, 8], [5, 16]], "steps must grow, and 5 comes after 9"),
        ([[0, 8], [5, 4]], "values must grow, and 4 comes after 8"),
        ([[0, 8], [5.5, 16]], "step 5.5 must be a whole number, or a fraction below 1"),
        ([[0, 17]], "17 must be from 1 to batch_size=16"),
        ([[0, 0]], "0 must be from 1 to batch_size=16"),
        ([[0, 0.3]], "0.3 must be from 1 to batch_size=16, or a fraction of it that is whole"),
        ([[0, 4, 8]], "must be a step and the value from it on"),
    ],
)
def test_what_is_no_growth_is_refused(pairs, message):
    with pytest.raises(ValueError, match=message) as error:
        Growth(max_steps=10, batch_size=pairs).batch_sizes(16)
    assert str(error.value).startswith("growth.batch_size: ")


def test_a_length_must_divide_the_context():
    with pytest.raises(ValueError, match=r"12 must divide model\.context_length=32"):
        Growth(context_length=[[0, 12]]).context_lengths(32)
