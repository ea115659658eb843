"""The runs of a study: read from folders, held apart, refused where their losses can't be compared."""

import json

import pytest

from gpt_exp.errors import UserError
from gpt_exp.scaling.findings import analyse
from gpt_exp.scaling.study import read

WIDTHS, STEPS, TOKENS_PER_STEP = (32, 64, 96), (250, 500, 1000), 2048  # Of the fixture `new_sweep`.


def num_parameters(width):
    """Of a layer: 4 d^2 of attention, 3 d h of the MLP, two norms; a table of 1024 tokens; the last norm."""
    hidden = -(-8 * width // 192) * 64
    return 4 * (4 * width**2 + 3 * width * hidden + 2 * width) + 1024 * width + width


def test_a_sweep_gives_its_runs_with_size_tokens_and_loss(new_sweep):
    study = read([str(new_sweep().path)], holdout=None)
    assert not study.held_out and not study.remarks
    expected = [(num_parameters(width), steps * TOKENS_PER_STEP) for width in WIDTHS for steps in STEPS]
    assert [(run.N, run.D) for run in study.fitted] == expected
    for run in study.fitted:
        assert run.loss == json.loads(run.folder.results.read_text())["val"]["loss"]
        assert run.flops == 6 * run.N * run.D


def test_parameters_without_embeddings_come_from_the_config(new_sweep):
    total = read([str(new_sweep().path)], holdout=None)
    without = read([str(new_sweep("other").path)], holdout=None, parameters="without_embeddings")
    assert [a.N - b.N for a, b in zip(total.fitted, without.fitted, strict=True)] == [
        1024 * width for width in WIDTHS for _ in STEPS
    ]


def test_the_largest_size_is_held_out_whole(new_sweep):
    study = read([str(new_sweep().path)])
    assert [run.name for run in study.held_out] == ["0006", "0007", "0008"]
    assert max(run.N for run in study.fitted) < min(run.N for run in study.held_out)


def test_runs_are_held_out_by_their_folders_also_those_of_another_sweep(new_sweep, new_run):
    sweep, larger = new_sweep(), new_run("larger", 204, 1500)
    study = read([str(sweep.path)], holdout=[str(larger.path), str(sweep.path / "0004")])
    assert sorted(run.name for run in study.held_out) == ["0004", "larger"]
    assert len(study.fitted) == 8


def test_a_held_out_run_has_no_part_in_the_fit(new_sweep):
    sweep = new_sweep(larger=204)
    before = analyse(read([str(sweep.path)]), bootstrap=20)
    run = sweep.run(sweep.jobs()[-1])
    results = json.loads(run.results.read_text())
    run.results.write_text(json.dumps({**results, "val": {"loss": 9.0}}))
    after = analyse(read([str(sweep.path)]), bootstrap=20)
    assert [each.run.name for each in after.held_out] == ["0009"]
    assert after.held_out[0].run.loss == 9.0
    assert after.fit == before.fit
    assert after.held_out[0].loss == before.held_out[0].loss


@pytest.mark.parametrize(
    ("data", "config", "what"),
    [
        ({"source": "other"}, {}, "data"),
        ({"tokenizer": "other"}, {}, "tokenizer"),
        ({"split": {"by": "document"}}, {}, "split"),
        ({}, {"model": {"context_length": 64}}, "context length"),
    ],
)
def test_a_run_whose_loss_means_something_else_is_named(new_sweep, new_run, data, config, what):
    sweep, other = new_sweep(), new_run("other", 32, 300, data=data, config=config)
    with pytest.raises(UserError, match=f"{other.path} has another {what} than"):
        read([str(other.path), str(sweep.path)])


def test_unfinished_and_diverged_runs_are_left_out_with_a_remark(new_sweep, new_run):
    sweep = new_sweep()
    failed = new_run("failed", 32, 300, state="failed")
    diverged = new_run("diverged", 32, 300, loss=float("nan"))
    study = read([str(sweep.path), str(failed.path), str(diverged.path)], holdout=None)
    assert len(study.fitted) == 9
    assert study.remarks == [
        "failed is left out: it is failed",
        "diverged is left out: it has no finite val/loss",
    ]


def test_a_run_counts_the_tokens_of_its_best_weights(new_sweep, new_run):
    run = new_run("early", 32, 400)
    run.best.write_text(json.dumps({"step": 300, "metric": "val/loss", "value": 3.0}))
    study = read([str(new_sweep().path), str(run.path)], holdout=None)
    assert study.fitted[-1].D == 300 * TOKENS_PER_STEP
    assert study.remarks == ["evaluated before their schedule had ended: early (step 300 of 400)"]


def test_a_run_without_a_final_evaluation_has_its_last_validation(new_sweep, new_run):
    run = new_run("old", 32, 400)
    run.results.unlink()
    lines = [{"step": 200, "val/loss": 4.0}, {"step": 400, "val/loss": 3.5}]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    last = read([str(new_sweep().path), str(run.path)], holdout=None).fitted[-1]
    assert (last.N, last.D, last.loss) == (num_parameters(32), 400 * TOKENS_PER_STEP, 3.5)


def test_the_last_validation_is_of_its_own_step_and_not_of_the_best(new_sweep, new_run):
    run = new_run("old", 32, 400)
    run.results.unlink()
    lines = [{"step": 200, "val/loss": 3.4}, {"step": 300, "val/loss": 3.5}, {"step": 400, "train/loss": 3.0}]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.best.write_text(json.dumps({"step": 200, "metric": "val/loss", "value": 3.4}))
    study = read([str(new_sweep().path), str(run.path)], holdout=None)
    assert (study.fitted[-1].D, study.fitted[-1].loss) == (300 * TOKENS_PER_STEP, 3.5)
    told = "without a final evaluation, and so with the loss of the last validation in training: old"
    assert told in study.remarks


def test_a_repeated_run_counts_once_and_never_beside_its_held_out_twin(new_sweep, new_run):
    sweep, twin = new_sweep(), new_run("twin", 64, 500)  # As job 4.
    study = read([str(sweep.path), str(twin.path)], holdout=None)
    assert [run.name for run in study.fitted][-1] == "0008"
    assert study.remarks == ["twin is left out: it repeats another run, to the last digit"]
    study = read([str(sweep.path)], holdout=[str(twin.path)])
    assert [run.name for run in study.held_out] == ["twin"]
    assert "0004" not in [run.name for run in study.fitted]


def test_other_settings_that_differ_are_remarked(new_sweep, new_run):
    run = new_run("other", 32, 300, config={"batch_size": 32, "seed": 5})
    remarks = read([str(new_sweep().path), str(run.path)], holdout=None).remarks
    assert remarks == ["the runs differ not only in size and tokens, but also in batch_size"]


def test_what_is_no_run_and_no_word_of_ours_is_refused(new_sweep, tmp_path):
    with pytest.raises(UserError, match="is not a run folder"):
        read([str(tmp_path / "nothing")])
    with pytest.raises(UserError, match="total or without_embeddings"):
        read([str(new_sweep().path)], parameters="all")


def test_too_few_runs_beside_the_held_out_are_refused(new_run):
    runs = [str(new_run(f"{steps}", 32, steps).path) for steps in (100, 200, 300, 400, 500, 600)]
    with pytest.raises(UserError, match="besides those held out"):
        analyse(read([*runs, str(new_run("larger", 64, 600).path)]), bootstrap=20)
