"""The console says where training is: in optimizer steps, seldom, and on the first process alone."""

from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from gpt_exp.callback.progress import Progress, clock, quantity

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice.


class Module(LightningModule):
    tokens_per_step = 1000

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(1, 1)
        self.num_reads = 0

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss = self.model(batch).mean()
        self.log("train/loss", 0 * loss + 3.21, logger=False)
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val/loss", 3.4, logger=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def fit(callback: Progress, **settings: Any) -> None:
    settings = {"max_steps": 12, "val_check_interval": 12, **settings}
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[callback],
        **settings,
    )
    loader = DataLoader(torch.ones(6, 1), batch_size=1)
    trainer.fit(Module(), loader, DataLoader(torch.ones(3, 1)))


def test_lines_count_optimizer_steps(capfd: pytest.CaptureFixture[str]) -> None:
    fit(Progress(line_seconds=0.0), accumulate_grad_batches=2, val_check_interval=24)
    lines = capfd.readouterr().err.splitlines()
    steps = [line.split()[1] for line in lines if line.startswith("step")]
    assert steps[0] == "0/12" or steps[0] == "1/12"
    assert steps[-1] == "12/12"


def test_lines_tell_losses_and_speed(capfd: pytest.CaptureFixture[str]) -> None:
    fit(Progress(line_seconds=3600))
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("step 12/12  loss 3.210  val 3.400  ")
    assert "tokens/s" in line and "elapsed" in line and "left" not in line


def test_lines_are_as_seldom_as_said(capfd: pytest.CaptureFixture[str]) -> None:
    fit(Progress(line_seconds=3600), limit_val_batches=0)
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_metrics_are_read_only_when_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(Trainer, "callback_metrics", property(lambda self: reads.append(1) or {}))
    fit(Progress(line_seconds=3600), limit_val_batches=0)
    assert len(reads) == 1


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    fit(Progress(refresh_seconds=0.0))
    shown = capfd.readouterr().err
    assert "━" in shown
    assert "validating 3/3" in shown
    assert "val 3.400" in shown[shown.rindex("12/12") :]


def test_other_processes_are_silent(capfd: pytest.CaptureFixture[str]) -> None:
    callback = Progress(line_seconds=0.0)
    callback.disable()  # What Lightning does there.
    fit(callback)
    callback.print("sample")
    captured = capfd.readouterr()
    assert captured.out == "" and "step" not in captured.err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (59.6, "1:00"), (7205, "2:00:05")]
)
def test_times_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (12_340, "12.3k"), (1_234_567, "1.2M"), (3.2e9, "3200.0M")]
)
def test_quantities_are_short(value: float, text: str) -> None:
    assert quantity(value) == text
