"""A run that is broken off anywhere and started again ends with the bits of one that never was."""

import json
import os
import signal
from collections.abc import Iterator

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, IterableDataset

from gpt_exp.callback.checkpoint import Checkpoint
from gpt_exp.logger.run_folder import RunFolderLogger
from gpt_exp.run import checkpoint_io
from gpt_exp.run.checkpoint_io import RunCheckpointIO, load_weights
from gpt_exp.run.folder import RunFolder, step_of
from gpt_exp.run.lines import read_metrics

# Lightning 2.6's own, with torch 2.13.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*does not have many workers")

STEPS = 12
WORST = {"worst": {"metric": "val/loss", "mode": "max"}}  # Another best: the first step, which is soon old.
ACCUMULATE = 2


class Micro(IterableDataset):
    """Micro-batches as a function of the step, from any step on."""

    def __init__(self, first_step: int) -> None:
        self.first = first_step * ACCUMULATE

    def __iter__(self) -> Iterator[Tensor]:
        number = self.first
        while True:
            yield torch.randn(4, 6, generator=torch.Generator().manual_seed(number))
            number += 1


class Tiny(LightningModule):
    """Dropout, a schedule, accumulation; its randomness is a function of the step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.3), nn.Linear(8, 6))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        torch.manual_seed(1000 * self.trainer.global_step + batch_idx % ACCUMULATE)
        loss = (self.model(batch) - batch).square().mean()
        self._loss = loss.detach()
        self.log("train/by_lightning", loss, on_step=True)
        return loss

    def on_train_batch_end(self, outputs: object, batch: Tensor, batch_idx: int) -> None:
        if (batch_idx + 1) % ACCUMULATE == 0:
            self.loggers[0].log_metrics(
                {"train/loss": float(self._loss), "speed/x": 1.0}, self.trainer.global_step
            )

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.value = (self.model(batch) - batch).square().mean()
        self.log("val/loss", self.value, logger=False)

    def on_validation_epoch_end(self) -> None:
        self.loggers[0].log_metrics({"val/loss": float(self.value)}, self.trainer.global_step)

    def configure_optimizers(self) -> object:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.02)
        return [optimizer], [{"scheduler": LambdaLR(optimizer, lambda step: 0.9**step), "interval": "step"}]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(Micro(self.trainer.global_step), batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader([torch.ones(4, 6)], batch_size=None)


class At(Callback):
    """Does something before the first micro-batch that follows a step."""

    def __init__(self, step, action) -> None:
        self.step, self.action = step, action

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == self.step:
            self.action()


class Crash(BaseException):
    """What no code of the run catches: stands for SIGKILL."""


def crash(*args: object, **kwargs: object) -> None:
    raise Crash


def train(path, *callbacks, checkpoint: Checkpoint | None = None, max_steps: int = STEPS, io=None) -> Trainer:
    folder = RunFolder(path)
    folder.path.mkdir(exist_ok=True)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        max_epochs=-1,
        log_every_n_steps=3,
        accumulate_grad_batches=ACCUMULATE,
        val_check_interval=3 * ACCUMULATE,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=[*callbacks, checkpoint or Checkpoint(every_n_steps=2, best_of=WORST)],
        logger=[RunFolderLogger(path)],
        plugins=[io or RunCheckpointIO()],
        default_root_dir=path,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Tiny(), ckpt_path=folder.newest_whole_checkpoint(), weights_only=True)
    return trainer


def outcome(path) -> dict[str, object]:
    """All that a run leaves and that must not depend on how often it was broken off."""
    folder = RunFolder(path)
    last = folder.newest_whole_checkpoint()
    state = torch.load(last / "state.pt", weights_only=True)
    return {
        "step": step_of(last),
        "weights": (last / "model.safetensors").read_bytes(),
        "optimizer": str(state["optimizer_states"]),
        "callbacks": str(state["callbacks"]),
        "metrics": folder.metrics.read_bytes(),
        "speed": folder.speed.read_bytes(),
        "best": folder.best.read_bytes(),
        "bests": folder.bests(),
        "checkpoints": [path.name for path in folder.checkpoints()],
    }


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("uninterrupted")
    train(path)
    return outcome(path)


def test_an_uninterrupted_run_validates_and_keeps_what_it_should(uninterrupted, tmp_path):
    train(tmp_path)
    assert outcome(tmp_path) == uninterrupted
    metrics = read_metrics(RunFolder(tmp_path).metrics)
    assert [line["step"] for line in metrics if "train/loss" in line] == list(range(1, STEPS + 1))
    assert [line["step"] for line in metrics if "val/loss" in line] == [3, 6, 9, 12]
    best = json.loads(uninterrupted["best"])
    assert best["value"] == min(line["val/loss"] for line in metrics if "val/loss" in line)
    worst = uninterrupted["bests"]["best_worst"]
    assert worst["value"] == max(line["val/loss"] for line in metrics if "val/loss" in line)
    assert worst["step"] not in (best["step"], STEPS, STEPS - 2)
    kept = {STEPS, STEPS - 2, best["step"], worst["step"]}
    assert uninterrupted["checkpoints"] == [f"step-{step:08d}" for step in sorted(kept, reverse=True)]


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 6, 9, 11])
def test_a_crash_at_any_step_changes_nothing(step, uninterrupted, tmp_path):
    with pytest.raises(Crash):
        train(tmp_path, At(step, crash))
    train(tmp_path)
    assert outcome(tmp_path) == uninterrupted


@pytest.mark.parametrize("what", ["_move_folder", "_sync_tree", "write_file"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_crash_inside_a_save_changes_nothing(what, number, uninterrupted, tmp_path, monkeypatch):
    crash_at_call(monkeypatch, f"gpt_exp.run.durable.{what}", number)
    with pytest.raises(Crash):
        train(tmp_path)
    monkeypatch.undo()
    train(tmp_path)
    assert outcome(tmp_path) == uninterrupted


@pytest.mark.parametrize("what", ["_write_best", "_remove_old"])
@pytest.mark.parametrize("number", [1, 3, 5, 8])
def test_a_crash_right_after_a_save_changes_nothing(what, number, uninterrupted, tmp_path, monkeypatch):
    crash_at_call(monkeypatch, f"gpt_exp.callback.checkpoint.Checkpoint.{what}", number)
    with pytest.raises(Crash):
        train(tmp_path)
    monkeypatch.undo()
    train(tmp_path)
    assert outcome(tmp_path) == uninterrupted


def test_a_crash_after_the_last_checkpoint_leaves_best_right(uninterrupted, tmp_path, monkeypatch):
    train(tmp_path)
    RunFolder(tmp_path).best.write_text('{"step": 3, "metric": "val/loss", "value": 9.0}')
    train(tmp_path)
    assert outcome(tmp_path)["best"] == uninterrupted["best"]


def test_best_is_right_as_soon_as_a_run_goes_on(tmp_path, monkeypatch):
    crash_at_call(monkeypatch, "gpt_exp.callback.checkpoint.Checkpoint._write_best", 3)
    with pytest.raises(Crash):
        train(tmp_path)  # Killed when step 3, the first best one, was saved and best.json was not.
    monkeypatch.undo()
    folder = RunFolder(tmp_path)
    assert not folder.best.exists()
    with pytest.raises(Crash):
        train(tmp_path, At(3, crash))
    assert folder.best_checkpoint() == folder.checkpoint(3)


def crash_at_call(monkeypatch, name: str, number: int) -> None:
    """The number-th call of a function ends the process, before it does anything."""
    owner, attribute = name.rsplit(".", 1)
    original = pytest.importorskip(owner) if owner.endswith("durable") else Checkpoint
    function, calls = getattr(original, attribute), []

    def counted(*args, **kwargs):
        calls.append(name)
        return crash() if len(calls) == number else function(*args, **kwargs)

    monkeypatch.setattr(original, attribute, counted)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_the_step_and_the_run_goes_on_exactly(number, uninterrupted, tmp_path, capsys):
    before = signal.getsignal(number)
    checkpoint = Checkpoint(every_n_steps=100)
    trainer = train(tmp_path, At(5, lambda: os.kill(os.getpid(), number)), checkpoint=checkpoint)
    folder = RunFolder(tmp_path)
    assert trainer.global_step in (5, 6)  # The step under way is ended, none is begun.
    assert step_of(folder.checkpoints()[0]) == trainer.global_step
    assert checkpoint.stopped_by == number.name
    assert f"gpt-exp train resume={tmp_path}" in capsys.readouterr().out
    status = folder.status()
    assert (status["state"], status["step"]) == ("stopped", trainer.global_step)
    assert status["reason"] == number.name
    assert signal.getsignal(number) == before
    train(tmp_path)
    result = outcome(tmp_path)
    assert {key: result[key] for key in ("weights", "optimizer", "metrics", "best")} == {
        key: uninterrupted[key] for key in ("weights", "optimizer", "metrics", "best")
    }


def test_early_stopping_stays_stopped(tmp_path):
    """Killed after its last checkpoint, a run that had ended early trains no further."""
    early = {"monitor": "val/loss", "patience": 0, "min_delta": 10.0, "verbose": False}
    train(tmp_path, EarlyStopping(**early))
    ended = outcome(tmp_path)
    assert ended["step"] == 6  # The first validation is the best, the second not better by 10.
    train(tmp_path, EarlyStopping(**early))
    assert outcome(tmp_path) == ended


class FullDisk(RunCheckpointIO):
    """Refuses some steps."""

    def __init__(self, *steps: int) -> None:
        self.steps = steps

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        if step_of(path) in self.steps:
            raise OSError(28, "No space left on device")
        super().save_checkpoint(checkpoint, path, storage_options)


def test_a_full_disk_costs_one_checkpoint_and_one_line(uninterrupted, tmp_path, caplog):
    train(tmp_path, io=FullDisk(4))
    warnings = [record.message for record in caplog.records if record.name.startswith("gpt_exp")]
    assert len(warnings) == 1 and "Step 4" in warnings[0] and "No space left" in warnings[0]
    assert outcome(tmp_path) == uninterrupted


def test_a_best_step_that_could_not_be_saved_is_not_called_best(tmp_path):
    train(tmp_path, io=FullDisk(9, 12))
    folder = RunFolder(tmp_path)
    assert json.loads(folder.best.read_text())["step"] == 6
    assert folder.best_checkpoint() == folder.checkpoint(6)


def test_a_run_that_goes_on_with_another_monitor_forgets_the_old_best(tmp_path):
    train(tmp_path, max_steps=6)
    new = Checkpoint(every_n_steps=2, monitor="train/by_lightning", best_of=WORST)
    train(tmp_path, checkpoint=new, max_steps=9)
    bests = RunFolder(tmp_path).bests()
    assert (bests["best"]["metric"], bests["best"]["step"]) == ("train/by_lightning", 9)
    assert bests["best_worst"]["step"] == 3


def test_a_best_that_no_one_asks_for_any_more_is_let_go(tmp_path):
    train(tmp_path, max_steps=6)
    train(tmp_path, checkpoint=Checkpoint(every_n_steps=2), max_steps=9)
    folder = RunFolder(tmp_path)
    assert list(folder.bests()) == ["best"]
    assert not folder.checkpoint(3).exists()


def test_a_best_is_called_so_while_the_disk_is_too_full_to_say_otherwise(tmp_path, monkeypatch):
    """The old file stands, so what it names must."""
    train(tmp_path, max_steps=6)
    folder = RunFolder(tmp_path)
    told = folder.bests()["best"]["step"]

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpt_exp.run.durable.write_file", full)
    train(tmp_path)
    assert folder.bests()["best"]["step"] == told
    assert folder.best_checkpoint() == folder.checkpoint(told)


def test_older_checkpoints_stay_until_the_new_one_is_read_back(tmp_path, caplog):
    class Rotten(RunCheckpointIO):
        def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
            super().save_checkpoint(checkpoint, path, storage_options)
            if step_of(path) > 4:
                with (path / checkpoint_io.STATE).open("r+b") as file:
                    file.write(b"rotten")

    train(tmp_path, io=Rotten(), max_steps=9)
    folder = RunFolder(tmp_path)
    assert [step_of(path) for path in folder.checkpoints()] == [4, 3]
    assert folder.newest_whole_checkpoint() == folder.checkpoint(4)
    assert sum("could not be saved" in record.message for record in caplog.records) == 3


def test_a_damaged_newest_checkpoint_costs_one_line_and_no_bit(uninterrupted, tmp_path, caplog):
    with pytest.raises(Crash):
        train(tmp_path, At(9, crash))
    newest = RunFolder(tmp_path).checkpoints()[0]
    (newest / "model.safetensors").write_bytes(b"")
    caplog.clear()
    train(tmp_path)
    warnings = [record.message for record in caplog.records if record.name.startswith("gpt_exp")]
    assert len(warnings) == 1 and f"Damaged checkpoint {newest.name}" in warnings[0]
    assert outcome(tmp_path) == uninterrupted


def test_the_best_weights_are_those_of_the_best_validation(tmp_path):
    train(tmp_path, max_steps=9)
    folder = RunFolder(tmp_path)
    best = json.loads(folder.best.read_text())
    module = Tiny()
    module.model.load_state_dict(load_weights(folder.best_checkpoint()))
    with torch.no_grad():
        value = (module.model.eval()(torch.ones(4, 6)) - 1).square().mean()
    assert float(value) == best["value"]


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Checkpoint(every_n_steps=0)
    with pytest.raises(ValueError, match="'least'"):
        Checkpoint(every_n_steps=1, mode="least")
    with pytest.raises(ValueError, match="at least 2"):
        Checkpoint(every_n_steps=1, keep_last=1)


@pytest.mark.parametrize(
    ("best_of", "told"),
    [
        ({"a/b": {"metric": "val/loss"}}, "best_of.a/b: no name"),
        ({"a": {"mode": "min"}}, "best_of.a has the keys mode"),
        ({"a": {"metric": "val/loss", "made": "max"}}, "best_of.a has the keys metric, made"),
        ({"a": {"metric": "val/loss", "mode": "most"}}, "best_of.a.mode must be min or max, not 'most'"),
    ],
)
def test_a_goal_that_cannot_be_is_told(best_of, told):
    with pytest.raises(ValueError, match=told):
        Checkpoint(every_n_steps=1, best_of=best_of)


def test_a_metric_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"best_of.a.metric='val/los' .* val/loss"):
        train(tmp_path, checkpoint=Checkpoint(every_n_steps=2, best_of={"a": {"metric": "val/los"}}))
    with pytest.raises(ValueError, match=r"'val/los' .* val/loss"):
        train(tmp_path, checkpoint=Checkpoint(every_n_steps=2, monitor="val/los"))
