"""Figures of gradient cosines: each pair in both of its cells, and by step."""

from gpt_exp.page.cosines import BY_STEP, MEAN, cosine_figures, heat_map

COSINES = {("a", "b"): 0.5, ("a", "c"): -0.25, ("b", "c"): 0.0}


def test_a_pair_stands_in_both_of_its_cells_and_no_task_beside_itself():
    (trace,) = heat_map(COSINES).data
    assert list(trace.x) == list(trace.y) == ["a", "b", "c"]
    assert [list(row) for row in trace.z] == [[None, 0.5, -0.25], [0.5, None, 0.0], [-0.25, 0.0, None]]


def test_colours_are_symmetric_around_0():
    for cosines in (COSINES, {("a", "b"): -0.01}, {("a", "b"): 0.0}):
        (trace,) = heat_map(cosines).data
        assert trace.zmax == -trace.zmin > 0


def test_what_is_next_to_nothing_has_no_full_colour():
    (trace,) = heat_map({("a", "b"): -0.01}).data
    assert trace.zmin <= -0.1


def test_seeds_are_a_line_of_means_with_its_spread():
    runs = [{("a", "b"): [(1, 0.25), (2, 0.5)]}, {("a", "b"): [(1, 0.75), (2, 0.5)]}]
    found = cosine_figures(runs)
    assert found[MEAN].data[0].z[0][1] == 0.5
    band, line = found[BY_STEP].data
    assert (line.meta, list(line.x), list(line.y)) == ("a/b (2 seeds)", [1, 2], [0.5, 0.5])
    assert list(band.y) == [0.75, 0.5, 0.5, 0.25]


def test_without_cosines_there_is_no_figure():
    assert cosine_figures([{}, {}]) == {} == cosine_figures([])
