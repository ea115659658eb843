"""How training is getting on, on the console."""

from __future__ import annotations

import math
import sys
from time import perf_counter
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich import progress
from rich.console import Console

from gpt_exp.callback.pace import Pace


class Progress(ProgressBar):
    """Optimizer steps, losses, speed and time left: a bar on a terminal, elsewhere a line now and then.

    A step costs one look at the clock; metrics are read, and the device waited for, only to be shown.
    """

    def __init__(self, *, refresh_seconds: float = 0.5, line_seconds: float = 10.0) -> None:
        super().__init__()
        self.refresh_seconds = refresh_seconds
        self.line_seconds = line_seconds
        self._is_enabled = True
        self._display: Bar | Lines | None = None
        self._show_at = math.inf  # By the monotonic clock, as all times here.
        self._shown_step = -1
        self._validation_began = 0.0
        self._pace = Pace(0, 0.0)

    def enable(self) -> None:
        self._is_enabled = True

    def disable(self) -> None:
        self._is_enabled = False
        self._close()

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the bar, on the first process only."""
        if self._is_enabled:
            print(*args, **kwargs)  # While there is a bar, rich has sys.stdout.

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_enabled:
            return
        console = Console(stderr=True)
        is_terminal = console.is_terminal
        self._display = Bar(console, self.refresh_seconds) if is_terminal else Lines(self.line_seconds)
        self._pace = Pace(trainer.global_step, perf_counter())
        self._show_at = self._pace.start + self._display.pause

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if perf_counter() >= self._show_at:
            self._show()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation_began = perf_counter()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        *args: Any,
    ) -> None:
        if isinstance(self._display, Bar) and perf_counter() >= self._show_at:
            note = f"validating {batch_idx + 1}/{sum(trainer.num_val_batches)}"
            self._display.show(trainer.global_step, trainer.max_steps, note)
            self._show_at = perf_counter() + self._display.pause

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._pace.pause(perf_counter() - self._validation_began)
        if self._display is not None:
            self._show()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._display is not None and self._shown_step != trainer.global_step:
            self._show()
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    def _show(self) -> None:
        assert self._display is not None
        step, max_steps = self.trainer.global_step, self.trainer.max_steps
        self._pace.mark(step, perf_counter())
        self._display.show(step, max_steps, "  ".join(self._figures(max_steps - step)))
        self._shown_step, self._show_at = step, perf_counter() + self._display.pause

    def _figures(self, steps_left: int) -> list[str]:
        metrics, speed = self.trainer.callback_metrics, self._pace.steps_per_second
        named = {"loss": metrics.get("train/loss"), "val": metrics.get("val/loss")}
        figures = [f"{name} {float(value):.3f}" for name, value in named.items() if value is not None]
        if speed:
            tokens_per_step: Any = self.trainer.lightning_module.tokens_per_step
            figures.append(f"{quantity(speed * tokens_per_step)} tokens/s")
        figures.append(f"{clock(self._pace.elapsed)} elapsed")
        seconds_left = self._pace.seconds_left(steps_left)
        if seconds_left:
            figures.append(f"{clock(seconds_left)} left")
        return figures

    def _close(self) -> None:
        if self._display is not None:
            self._display.close()
        self._display, self._show_at = None, math.inf


class Bar:
    """One line of a terminal, drawn anew; drawn only when told to, by no thread."""

    def __init__(self, console: Console, pause: float) -> None:
        self.pause = pause  # Seconds between two drawings.
        self.progress = progress.Progress(
            progress.TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.description}"),
            console=console,
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),
        )
        self.task = self.progress.add_task("")
        self.progress.start()

    def show(self, step: int, max_steps: int, figures: str) -> None:
        self.progress.update(self.task, completed=step, total=max_steps, description=figures, refresh=True)

    def close(self) -> None:
        self.progress.stop()


class Lines:
    """Plain lines, for a log."""

    def __init__(self, pause: float) -> None:
        self.pause = pause  # Seconds between two lines.

    def show(self, step: int, max_steps: int, figures: str) -> None:
        print(f"step {step:{len(str(max_steps))}}/{max_steps}  {figures}", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


def clock(seconds: float) -> str:
    """1:05, or 2:00:05 from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quantity(value: float) -> str:
    """950, 12.3k, 1.2M."""
    if value < 1000:
        return f"{value:.0f}"
    return f"{value / 1e3:.1f}k" if value < 1e6 else f"{value / 1e6:.1f}M"
