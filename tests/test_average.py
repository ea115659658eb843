"""The mean of checkpoints: exact, a run that other verbs open, of one network only."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from made_runs import with_steps
from torch import Tensor

from gpt_exp import cli
from gpt_exp.average import Mean
from gpt_exp.experiment.model import load_run
from gpt_exp.run.checkpoint_io import load_weights
from gpt_exp.run.find import find_run
from gpt_exp.run.folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def saved(new_pairs_run: Any) -> Any:
    """A run as training leaves it, with other weights at each of its steps."""

    def make_run(*overrides: str, steps: tuple[int, ...] = (10, 20), name: str = "run") -> RunFolder:
        return with_steps(new_pairs_run(*overrides, name=name), steps)

    return make_run


def weights(folder: RunFolder, name: str = "last") -> dict[str, Tensor]:
    return load_weights(folder.resolve(name))


def test_the_mean_of_one_checkpoint_is_that_checkpoint(saved: Any) -> None:
    folder = saved()
    assert cli.main(["average", f"run={folder.path}", "last=1"]) == 0
    mean, last = weights(RunFolder(f"{folder.path}-average")), weights(folder)
    assert mean.keys() == last.keys()
    assert all(torch.equal(mean[name], last[name]) for name in last)


def test_the_mean_of_two_is_what_float64_makes_of_them(saved: Any, tmp_path: Path) -> None:
    folder, target = saved(steps=(10, 20, 30)), tmp_path / "mean"
    given = [f"run={folder.path}", "checkpoints=[step-10, step-20]", f"path={target}"]
    assert cli.main(["average", *given]) == 0
    mean = weights(RunFolder(target))
    first, second = (weights(folder, name) for name in ("step-10", "step-20"))
    for name, tensor in mean.items():
        wanted = ((first[name].double() + second[name].double()) / 2).float()
        assert torch.equal(tensor, wanted)
        assert not torch.equal(tensor, first[name])
    steps = [part["checkpoint"] for part in json.loads((target / "average.json").read_text())]
    assert steps == ["step-00000010", "step-00000020"]


def test_a_sum_of_halves_loses_nothing() -> None:
    """In bfloat16 itself 256 + 1 is 256."""
    mean = Mean()
    for value in (256.0, 1.0, 1.0, 2.0):
        mean.add({"weight": torch.tensor([value], dtype=torch.bfloat16), "steps": torch.tensor(3)}, "")
    assert mean.state()["weight"].item() == 65.0
    assert mean.state()["weight"].dtype == torch.bfloat16
    assert mean.state()["steps"].item() == 3


def test_it_is_a_run_that_evaluate_opens_and_resume_does_not_find(saved: Any, tmp_path: Path) -> None:
    folder, outputs = saved(), tmp_path / "outputs"
    mean = outputs / "translation" / "mean"
    assert cli.main(["average", f"run={folder.path}", f"path={mean}"]) == 0
    given = [f"run={mean}", "splits=[val]", "device=cpu", "precision=32-true"]
    assert cli.main(["evaluate", *given]) == 0
    known = json.loads((mean / "evaluation.json").read_text())
    assert cli.main(["evaluate", *given, "checkpoint=step-20"]) == 0
    assert json.loads((mean / "evaluation.json").read_text()) == known
    assert cli.main(["evaluate", f"run={folder.path}", *given[1:]]) == 0
    assert json.loads((folder.path / "evaluation.json").read_text())["val"]["loss"] != known["val"]["loss"]
    assert find_run(outputs, RunFolder(mean).config()) is None
    assert RunFolder(mean).state() == "finished"


def test_runs_of_one_network_are_mixed_and_adapters_merged_first(saved: Any, tmp_path: Path) -> None:
    """The mean of two products is not the product of the means."""
    pytest.importorskip("peft")
    runs = [saved("adapter=lora", steps=(10,), name=name) for name in ("first", "the_second")]
    whole = [load_run(run.path, merged=True).model.state_dict() for run in runs]
    assert cli.main(["average", *(str(run.path) for run in runs), f"path={tmp_path / 'soup'}"]) == 0
    soup = load_run(tmp_path / "soup").model.state_dict()
    assert soup.keys() == whole[0].keys()
    for name, tensor in soup.items():
        torch.testing.assert_close(tensor, (whole[0][name] + whole[1][name]) / 2)


def refused(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    assert cli.main(["average", *given]) == 2
    return capsys.readouterr().err


def test_what_has_no_mean_is_a_line(saved: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, other = saved(), saved("model.embedding_dim=16", name="narrow")
    assert "run or runs" in refused(capsys)
    assert "callback.checkpoint.keep_last" in refused(capsys, f"run={folder.path}", "last=5")
    assert "last: the newest of one run" in refused(capsys, f"runs=[{folder.path}]", "last=1")
    assert "last: the newest of one run" in refused(
        capsys, f"run={folder.path}", "checkpoints=[step-10]", "last=1"
    )
    assert "checkpoints: of one run" in refused(capsys, f"runs=[{folder.path}]", "checkpoints=[step-10]")
    told = refused(capsys, f"runs=[{folder.path},{other.path}]")
    assert "(257, 16) and before (257, 32)" in told
    deeper = saved("model.num_layers=3", name="deep")
    assert "is in one network only" in refused(capsys, f"runs=[{folder.path},{deeper.path}]")
    file = deeper.tokenizer / "tokenizer.json"
    file.write_text(f"{file.read_text()} ")
    assert "another tokenizer" in refused(capsys, f"runs=[{folder.path},{deeper.path}]")
    assert not Path(f"{folder.path}-average").exists()
    assert "is there already" in refused(capsys, f"run={folder.path}", f"path={other.path}")
