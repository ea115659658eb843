"""TensorBoard's own readers see every step once, and a table of settings and results over runs."""

import json

import pytest
from hparams import table

from gpt_exp.run.lines import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def scalars(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder.path / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_curves_and_table(train_all, tmp_path):
    folders, go_on = train_all("logger=[tensorboard]")
    rows, columns = table(tmp_path)
    one, two, broken = (rows[f"demo/{name}/tensorboard"] for name in ("one", "two", "broken"))
    assert [status for status, _, _ in (one, two, broken)] == ["STATUS_SUCCESS"] * 2 + ["STATUS_FAILURE"]
    assert (one[1]["optimizer"], two[1]["optimizer"], two[1]["seed"]) == ("adamw", "muon", 2.0)
    assert {"seed", "optimizer", "optimizer.lr"} <= {name for name, differs in columns.items() if differs}
    assert "optimizer.momentum" in columns  # Of one of the runs only.
    assert not columns["model.num_layers"]
    results = json.loads(folders[0].results.read_text())
    assert one[2]["results/test/loss"] == pytest.approx(results["test"]["loss"])
    assert one[2]["best/val/loss"] == pytest.approx(json.loads(folders[0].best.read_text())["value"])

    go_on()
    for name in ("train/loss", "val/loss"):
        logged = [(row["step"], row[name]) for row in read_metrics(folders[-1].metrics) if name in row]
        assert [step for step, _ in scalars(folders[-1], name)] == [step for step, _ in logged]
        assert [value for _, value in scalars(folders[-1], name)] == pytest.approx([v for _, v in logged])
    rows, _ = table(tmp_path)
    assert rows["demo/broken/tensorboard"][0] == "STATUS_SUCCESS"


@pytest.mark.slow
def test_added_to_a_run_that_goes_on_it_has_all_steps(train_all):
    folders, go_on = train_all("logger=[none]")
    config = folders[-1].config()
    target = "gpt_exp.logger.tensorboard.RunTensorBoardLogger"
    config.logger = {"tensorboard": {"_target_": target, "path": config.paths.run}}
    folders[-1].save_config(config)
    go_on()
    assert [step for step, _ in scalars(folders[-1], "train/loss")] == list(range(1, 21))
